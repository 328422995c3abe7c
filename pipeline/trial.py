"""A few files tried as a run would do them: the same supervised road, nothing published.

The templates are those that an output folder has learned, with the pins and vetoes of the site files.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.boilerplate.rules import load_choices
from pipeline.boilerplate.site_choices import Choices, apply_choices
from pipeline.boilerplate.templates import TEMPLATES_SCHEMA
from pipeline.errors import OutputError
from pipeline.settings import Settings
from pipeline.shards.chunks import chunk_names, write_table
from pipeline.shards.plan import Shard, clean_spec
from pipeline.store.packs import sites_in
from pipeline.supervise import Job, Nursery, run_job
from pipeline.types import RawInput
from pipeline.version import VERSION


@dataclass(frozen=True, slots=True)
class Tried:
    """Where the results of ``clean`` and ``finish`` lie, and the templates (TEMPLATES_SCHEMA) that were used."""

    cleaned: Path
    finished: Path
    templates: pa.Table

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """The rows of a table that ``finish`` made: documents, sections, blocks."""
        for chunk in chunk_names(self.finished, table):
            yield from pq.read_table(chunk).to_pylist()


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for the results of trials, gone afterwards. Raises OutputError when there is no place for it."""
    mend = "Name a folder that can be written to in TMPDIR."
    try:
        place = Path(tempfile.gettempdir())
        str(place).encode()
        if place == Path.cwd() and str(place) not in map(os.environ.get, ("TMPDIR", "TEMP", "TMP")):
            raise FileNotFoundError  # the last resort of tempfile: raw files may lie here
        scratch = tempfile.TemporaryDirectory(prefix="winnow-", ignore_cleanup_errors=True)
    except (OSError, UnicodeEncodeError):
        raise OutputError("There is no folder for temporary files.", mend=mend) from None
    with scratch as folder:
        yield Path(folder)


def try_files(
    inputs: Sequence[RawInput],
    raw: Path,
    scratch: Path,
    nursery: Nursery,
    *,
    settings: Settings,
    learned: pa.Table | None = None,
    without: Sequence[str] = (),
    site_files: bool = True,
) -> Tried:
    """Clean and finish files of the folder ``raw``; results go to ``scratch``, a folder of this trial's own.

    ``learned`` are templates (TEMPLATES_SCHEMA); ``without`` names rules to leave out; ``site_files`` False leaves
    out pins and vetoes.
    """
    limits = {"memory_mb": settings.memory_mb, "record_seconds": settings.record_seconds}
    spec = {**clean_spec(Shard("0001", tuple(inputs)), raw=raw, settings=settings), "without": list(without)}
    cleaned = Path(run_job(Job("clean", "0001", str(scratch / "clean"), spec, len(inputs), **limits), nursery).folder)
    choices = load_choices(settings.rules) if site_files else {}
    templates = _templates(learned, sites_in(cleaned), choices)
    write_table(templates, scratch / "templates.parquet")
    spec = {
        "cleaned": str(cleaned),
        "templates": str(scratch / "templates.parquet"),
        "backend": settings.language_backend,
        "seed": settings.language_seed,
        "version": VERSION,
    }
    job = Job("finish", "0001", str(scratch / "finish"), spec, len(inputs), **limits)
    return Tried(cleaned, Path(run_job(job, nursery).folder), templates)


def _templates(learned: pa.Table | None, sites: Iterable[str], choices: Choices) -> pa.Table:
    """The templates of these sites, with what their files say."""
    known = TEMPLATES_SCHEMA.empty_table() if learned is None else learned.cast(TEMPLATES_SCHEMA)
    mine = sorted(filter(None, sites))
    return apply_choices(known.filter(pc.is_in(known["site"], value_set=pa.array(mine, pa.string()))), mine, choices)
