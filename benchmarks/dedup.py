"""Duplicates and site templates against labelled pairs, and speed beside datasketch.

``python -m benchmarks.dedup [--data ../shared/data/dedup] [--scale 100000]``. The data: constructed-en.jsonl and
constructed-zh.jsonl (real articles with known edits), cctv-pairs.jsonl (news items as two sites posted them).
Each line of a text is a block. Lines that recur across a collection are learned and left out first, as in a run;
the constructed collections name no site, so each is taken for one site, "none", with any share of its documents enough.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.boilerplate.model import score_blocks
from pipeline.boilerplate.templates import (
    LINES_SCHEMA,
    index_templates,
    learn_templates,
    line_keys,
    match_templates,
    neighbours,
)
from pipeline.dedup.clusters import Duplicate, Index, find_duplicates, make_index
from pipeline.dedup.signature import Signature, sign
from pipeline.text.tokens import count_tokens, tokens
from pipeline.types import Block, BlockKind

T = TypeVar("T")
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Clusters found against clusters known: pairs of documents, and adjusted Rand index (Hubert and Arabie 1985)."""

    precision: float
    recall: float
    f1: float
    ari: float


def agreement(truth: Sequence[str], found: Sequence[int]) -> Agreement:
    _, left = np.unique(np.asarray(truth), return_inverse=True)
    _, right = np.unique(np.asarray(found), return_inverse=True)
    both = _pairs(np.unique(left * (right.max() + 1) + right, return_counts=True)[1])
    known, given = _pairs(np.bincount(left)), _pairs(np.bincount(right))
    chance = known * given / _pairs(np.array([len(left)]))
    ari = (both - chance) / ((known + given) / 2 - chance)
    return Agreement(both / given, both / known, 2 * both / (known + given), ari)


def _pairs(counts: Ints) -> float:
    return float((counts * (counts - 1) // 2).sum())


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result and the CPU seconds it took."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def as_blocks(text: str) -> list[Block]:
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return [Block(at, line, BlockKind.PARAGRAPH, 0, 0) for at, line in enumerate(filter(None, lines))]


def without_templates(rows: Sequence[dict[str, str]]) -> tuple[list[str], int]:
    """Each text without the lines learned from all of them, and how many lines were learned."""
    documents = [as_blocks(row["text"]) for row in rows]
    keys = [line_keys(blocks) for blocks in documents]
    columns: dict[str, list[object]] = {name: [] for name in LINES_SCHEMA.names}
    for row, blocks, own in zip(rows, documents, keys, strict=True):
        before, after = neighbours(own)
        columns["site"] += ["none"] * len(blocks)
        columns["doc_id"] += [row["id"]] * len(blocks)
        columns["text_sha256"] += [sign(row["text"]).text_sha256] * len(blocks)
        columns["key"] += own.tolist()
        columns["prev_key"] += before.tolist()
        columns["next_key"] += after.tolist()
        columns["n_tokens"] += [count_tokens(block.text) for block in blocks]
        columns["score"] += score_blocks(blocks)
        columns["ordinal"] += range(len(blocks))
    templates = learn_templates(pa.table(columns, schema=LINES_SCHEMA), min_share=0.0)
    index = index_templates(templates)
    texts = []
    for blocks, own in zip(documents, keys, strict=True):
        hits = match_templates(index, "none", own)
        texts.append("\n".join(block.text for block, hit in zip(blocks, hits, strict=True) if hit is None))
    return texts, len(templates)


def cluster(texts: Sequence[str], ids: Sequence[str]) -> tuple[list[int], list[Duplicate], Index]:
    """For each text the row that stands for it."""
    signatures = [sign(text) for text in texts]
    index = make_index(ids, signatures)
    duplicates = find_duplicates(
        index,
        lambda rows: [signatures[row].shingles for row in rows],
        load_sequences=lambda rows: [signatures[row].sequence for row in rows],
    )
    heads = list(range(len(texts)))
    for one in duplicates:
        heads[one.row] = one.duplicate_of
    return heads, duplicates, index


def constructed(path: Path) -> list[str]:
    rows = read(path)
    ids, truth = [row["id"] for row in rows], [row["cluster"] for row in rows]
    clean, n_learned = without_templates(rows)
    for name, texts in (("raw text", [row["text"] for row in rows]), (f"{n_learned} lines learned", clean)):
        heads, _, _ = cluster(texts, ids)
        a = agreement(truth, heads)
        figures = f"F1 of pairs {a.f1:.4f} (P {a.precision:.4f}, R {a.recall:.4f})  cluster ARI {a.ari:.4f}"
        print(f"{path.stem}, {name}: {figures}")
    return clean


def news(path: Path) -> list[str]:
    """Recall of reposts, and texts merged with one of another day. Days are not given to the index."""
    rows = read(path)
    texts = [re.sub(r"[*#]{1,9}", "", re.sub(r"<[^<>]{1,300}>", "\n", row["text"])) for row in rows]
    heads, _, _ = cluster(texts, [row["id"] for row in rows])
    a, b = np.array(heads[::2]), np.array(heads[1::2])
    whole = np.array(
        [bool(left.strip() and right.strip()) for left, right in zip(texts[::2], texts[1::2], strict=True)]
    )
    false = [row for row, head in zip(rows, heads, strict=True) if row["story"] != rows[head]["story"]]
    days = {rows[head]["id"]: rows[head]["day"] for head in heads}
    other_day = sum(row["day"] != days[rows[head]["id"]] for row, head in zip(rows, heads, strict=True))
    print(
        f"{path.stem}: recall {np.mean(a == b):.4f} ({np.mean((a == b)[whole]):.4f} of the {whole.sum()} pairs with"
        f" two texts)  merged with another day {other_day}  with another story {len(false)}"
    )
    return texts


def speed(texts: Sequence[str]) -> None:
    ids = [f"{at:08d}" for at in range(len(texts))]
    size = sum(len(text.encode()) for text in texts) / len(texts)
    sign("warm up")
    signatures, signing = timed(lambda: [sign(text) for text in texts])
    index = make_index(ids, signatures)
    _, finding = timed(lambda: find_duplicates(index, lambda rows: [signatures[row].shingles for row in rows]))
    peer = timed(lambda: datasketch(texts))[1]
    print(f"{len(texts)} documents of {size / 1000:.1f} KB, documents per CPU-second:")
    print(f"  signing {len(texts) / signing:,.0f}  finding with verification {len(texts) / finding:,.0f}", end="")
    print(f"  both {len(texts) / (signing + finding):,.0f}  datasketch {len(texts) / peer:,.0f}")
    sample = " ".join(texts).encode()[:4096].decode(errors="ignore")
    best = min(timed(lambda: [sign(sample) for _ in range(100)])[1] for _ in range(5))
    print(f"  signing 4 KB: {best * 10:.3f} ms")
    fixed = index.minhash.nbytes + index.n_shingles.nbytes + index.n_tokens.nbytes + index.day.nbytes
    shingles = sum(signature.shingles.nbytes for signature in signatures) / len(texts)
    print(f"  index {fixed / len(texts) + 32:.0f} bytes a document beside its id, shingles {shingles:.0f}")


def datasketch(texts: Sequence[str]) -> int:
    """The usual script: MinHash of 128 permutations of the same shingles, LSH at .5, no verification."""
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(threshold=0.5, num_perm=128)
    n_found = 0
    for at, text in enumerate(texts):
        words = tokens(text.lower())
        minhash = MinHash(num_perm=128, seed=1)
        minhash.update_batch([" ".join(words[i : i + 3]).encode() for i in range(max(len(words) - 2, 1))])
        n_found += bool(lsh.query(minhash))
        lsh.insert(str(at), minhash)
    return n_found


def scale(n: int) -> None:
    """Made documents of 300 shingles, a third of them copies with a tenth changed."""
    random = np.random.default_rng(7)
    stems = random.integers(0, 2**32, (n - n // 3, 300), dtype=np.uint32)
    copies = stems[random.integers(0, len(stems), n // 3)]
    copies[:, :15] = random.integers(0, 2**32, (len(copies), 15), dtype=np.uint32)
    from pipeline.dedup.signature import _minhash  # as sign() does it, without making texts

    signatures = []
    for at, row in enumerate(np.concatenate([stems, copies])):
        shingles = np.unique(row & np.uint32(0xFFFFFFFE))
        signatures.append(
            Signature(f"{at:064x}", shingles, _minhash(shingles), len(shingles), 302, np.empty(0, np.uint16))
        )
    index = make_index([f"{at:08d}" for at in range(n)], signatures)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found, seconds = timed(lambda: find_duplicates(index, lambda rows: [signatures[row].shingles for row in rows]))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{n} made documents: {len(found)} duplicates of {n // 3} in {seconds:.1f} CPU-s", end="")
    print(f", peak memory {after / 1024:.0f} MB, {(after - before) / 1024:.0f} MB of it for the search")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/dedup"))
    parser.add_argument("--scale", type=int, default=100_000, help="made documents; 0 for none")
    given = parser.parse_args()
    texts = [text for lang in ("en", "zh") for text in constructed(given.data / f"constructed-{lang}.jsonl")]
    texts += news(given.data / "cctv-pairs.jsonl")
    speed(texts)
    if given.scale:
        scale(given.scale)


if __name__ == "__main__":
    main()
