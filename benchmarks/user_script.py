"""The script a user would otherwise write: trafilatura, langdetect and datasketch, pandas to Parquet.

    python -m benchmarks.user_script RAW OUT.parquet

Written as a capable user would in an afternoon, with each tool's own defaults: one process, a try around each file,
a row a document that is no duplicate, and in OUT.duplicates.txt the path of each file with one that is. It is here to be
measured beside Winnow on the same files.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
SUFFIXES = (".html", ".htm", ".txt", ".jsonl", ".gz")


def read(path: Path) -> Iterator[tuple[str | None, bytes | str, bool]]:
    """Member, content and whether it is HTML, of each document of a file."""
    if path.name.endswith((".warc.gz", ".warc")):
        from warcio.archiveiterator import ArchiveIterator

        with path.open("rb") as file:
            for number, record in enumerate(ArchiveIterator(file), 1):
                if record.rec_type == "response":
                    yield str(number), record.content_stream().read(), True
        return
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    name = path.name.removesuffix(".gz")
    if name.endswith(".jsonl"):
        for number, line in enumerate(content.splitlines(), 1):
            row = json.loads(line)
            yield str(number), row.get("html") or row["text"], "html" in row
    else:
        yield None, content, name.endswith((".html", ".htm"))


def clean(content: bytes | str, is_html: bool) -> str:
    import trafilatura

    if is_html:
        return trafilatura.extract(content) or ""
    if isinstance(content, str):
        text = content
    else:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            text = content.decode("gb18030", "replace")
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def minhash(text: str) -> object:
    from datasketch import MinHash

    words = TOKEN.findall(text.lower())
    signature = MinHash(num_perm=128)
    signature.update_batch([" ".join(words[i : i + 3]).encode() for i in range(max(len(words) - 2, 1))])
    return signature


def run(raw: Path, out: Path) -> tuple[int, int, int]:
    """Write both files; how many documents, duplicates and failed files."""
    import pandas as pd
    from datasketch import MinHashLSH
    from langdetect import LangDetectException, detect

    lsh = MinHashLSH(threshold=0.5, num_perm=128)
    rows, duplicates, n_failed = [], [], 0
    for path in sorted(raw.rglob("*")):
        if path.suffix not in SUFFIXES or not path.is_file() or path.name.startswith("."):
            continue
        try:
            for member, content, is_html in read(path):
                text = clean(content, is_html)
                lang = detect(text)
                signature = minhash(text)
                if lsh.query(signature):
                    duplicates.append(f"{path.relative_to(raw)}\n")
                    continue
                lsh.insert(f"{path}#{member}", signature)
                rows.append({"path": str(path.relative_to(raw)), "member": member, "lang": lang, "text": text})
        except (OSError, EOFError, ValueError, KeyError, LangDetectException):
            n_failed += 1
    pd.DataFrame(rows).to_parquet(out, compression="zstd")
    out.with_suffix(".duplicates.txt").write_text("".join(duplicates), "utf-8")
    return len(rows), len(duplicates), n_failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("out", type=Path, help="Parquet file to write")
    given = parser.parse_args()
    n_documents, n_duplicates, n_failed = run(given.raw, given.out)
    print(json.dumps({"documents": n_documents, "duplicates": n_duplicates, "failed": n_failed}))


if __name__ == "__main__":
    main()
