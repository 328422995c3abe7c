"""The same folder through datatrove, as its documentation puts the blocks together: one task, one worker.

    PYTHON -m benchmarks.peer_datatrove RAW OUT --weights lid.176.ftz

PYTHON is of the environment that ``make bench-peers`` sets up: datatrove wants an older trafilatura than the script a
user would write. Nothing of Winnow is imported here. A reader for folders of files on datatrove's own base (it has none
for pages that are files; they are decoded as by its WARC reader), Trafilatura for HTML, the language filter, and the
four steps of MinHash deduplication with the settings of its example. Two things are not as they come: the language
filter has the weights that are given in place of those that it would download, and a page has ten seconds in place
of one, so that a busy machine costs nobody a page. OUT/kept and OUT/duplicates hold the documents as JSON lines.
Source: https://github.com/huggingface/datatrove/blob/main/examples/minhash_deduplication.py
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

EXTRACT_SECONDS = 10


def decoded(content: bytes) -> str | None:
    """As ``process_record`` of datatrove's WARC reader decodes; None where it gives up."""
    import cchardet

    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        charset = cchardet.detect(content)["encoding"]
    try:
        return content.decode(charset) if charset else None
    except (UnicodeDecodeError, LookupError):
        return None


def file_reader(raw: Path, pattern: str) -> Any:
    """A reader that gives a document a file, its path in the metadata."""
    from datatrove.pipeline.readers.base import BaseDiskReader

    class FileReader(BaseDiskReader):  # type: ignore[misc]  # it has no types where it is not installed
        name = "Files"

        def read_file(self, filepath: str) -> Iterator[Any]:
            with self.data_folder.open(filepath, "rb") as file:
                text = decoded(file.read())
            if document := self.get_document_from_dict({"text": text, "path": filepath}, filepath, 0):
                yield document

    return FileReader(str(raw), glob_pattern=f"**/{pattern}")


def run(raw: Path, out: Path, weights: Path) -> None:
    from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.filters import LanguageFilter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils import lid
    from datatrove.utils.hashing import HashConfig
    from datatrove.utils.typeshelper import Languages

    lid.cached_asset_path_or_download = lambda *_, **__: str(weights)
    extractors = {"*.html": [Trafilatura(timeout=EXTRACT_SECONDS)], "*.txt": []}
    for pattern, steps in extractors.items():
        if next(raw.rglob(pattern), None):
            name = f"read/{pattern.removeprefix('*.')}"
            do(out, name, [file_reader(raw, pattern), *steps, LanguageFilter(), JsonlWriter(f"{out}/{name}")])
    if not next((out / "read").rglob("*.jsonl.gz"), None):
        return  # the language filter has dropped all there was, and a reader without files is an error
    config = MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8)
    signatures, buckets, remove = (f"{out}/{name}" for name in ("signatures", "buckets", "remove"))
    reader = JsonlReader(f"{out}/read")
    do(out, "signatures", [reader, MinhashDedupSignature(signatures, config=config, language=Languages.english)])
    do(out, "buckets", [MinhashDedupBuckets(signatures, buckets, config=config)], tasks=config.num_buckets)
    do(out, "clusters", [MinhashDedupCluster(buckets, remove, config=config)])
    chosen = MinhashDedupFilter(remove, exclusion_writer=JsonlWriter(f"{out}/duplicates"))
    do(out, "filter", [reader, chosen, JsonlWriter(f"{out}/kept")])


def do(out: Path, name: str, steps: Sequence[Any], tasks: int = 1) -> None:
    from datatrove.executor import LocalPipelineExecutor

    LocalPipelineExecutor(pipeline=list(steps), tasks=tasks, workers=1, logging_dir=f"{out}/logs/{name}").run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("--weights", type=Path, required=True, help="of lid.176")
    given = parser.parse_args()
    run(given.raw, given.out, given.weights)


if __name__ == "__main__":
    main()
