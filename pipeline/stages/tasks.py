"""The tasks of the stages that map over shards, each a frozen value of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.read.limits import ReadLimits
from pipeline.types import Backend, RawInput
from pipeline.workers.task import Limits


@dataclass(frozen=True, slots=True)
class CleanTask:
    """Read the raw files of a shard and clean each record."""

    stage: ClassVar[str] = "clean"
    name: str
    folder: Path
    limits: Limits
    raw: Path
    inputs: tuple[RawInput, ...]  # in path order
    read: ReadLimits
    rules: Path | None = None  # a folder of rules beside the product's own
    without: tuple[str, ...] = ()  # ids of rules that do not speak
    copies: tuple[tuple[str, Path], ...] = ()  # files that are read as a copy: path and where it lies

    @property
    def n_records(self) -> int:
        """The files: how many records they hold is not known yet."""
        return len(self.inputs)


@dataclass(frozen=True, slots=True)
class FinishTask:
    """Label each cleaned record with the site templates known, and make its dataset rows."""

    stage: ClassVar[str] = "finish"
    name: str
    folder: Path
    limits: Limits
    n_records: int
    cleaned: Path  # the folder of the pack
    templates: Path  # a Parquet file: those whose lines occur in the pack
    backend: Backend
    seed: int
    version: str  # of Winnow, as the rows say it
    made_of: str = ""  # the fingerprint of the records and of what was given up among them
    earlier: Path | None = None  # finished records of the same pack, made with other templates


@dataclass(frozen=True, slots=True)
class AssembleTask:
    """Make the parts of the datasets out of finished records, duplicates taken out."""

    stage: ClassVar[str] = "assemble"
    name: str
    folder: Path
    limits: Limits
    finished: Path  # the folder of finished records
    duplicates: Path  # a Parquet file of VERDICTS on the collection
    first_seen: Path  # a Parquet file of FIRST_SEEN
    started_at: int  # start of the run, microseconds UTC
    dead: tuple[str, ...]  # doc_ids of records whose file is gone or has changed

    n_records: ClassVar[int] = 1  # what is done is a part, however many rows it has
