"""The three stages that map over shards: files in, Parquet chunks out. Run only in supervised children.

``clean``     raw files       -> NAME.records, NAME.blocks, NAME.left_out   (a chunk a few hundred records)
``finish``    clean's chunks  -> NAME.documents, .sections, .blocks, .signatures, .left_out
``assemble``  finish's chunks -> one part a dataset, duplicates taken out
Chunks are named by the place of their first record, so that their order is the order of the shard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.boilerplate.rules import load_rules
from pipeline.boilerplate.templates import TemplateIndex, index_templates, match_templates
from pipeline.errors import LeftOut, Reason, Rejection, Skipped
from pipeline.read import ReadLimits, read_file
from pipeline.read.scan import RawFolder, scan
from pipeline.recipe import Cleaned, Contentless, Finished, clean_record, finish_record
from pipeline.schema import DATASETS
from pipeline.stages.cleaned import (
    Earlier,
    chosen,
    cleaned_tables,
    cleaned_values,
    earlier_result,
    merged,
    note_hits,
    outdated,
    pieces_of,
    take_chunk,
)
from pipeline.stages.finished import finished_tables
from pipeline.stages.publish import assemble_parts, said_of_shard
from pipeline.stages.tasks import AssembleTask, CleanTask, FinishTask
from pipeline.store.files import beside, block_bounds, chunk_file, chunk_name, chunk_names, write_table
from pipeline.store.left_out import LEFT_OUT, SLICE, bounded, left_out_table
from pipeline.types import Place, RawInput, Record
from pipeline.workers.journal import READING, SKIPPING, WORKING, Journal, Span

#: A chunk is written when it holds this many records or this much: code points of block text, and for each block what
#: its row takes.
CHUNK_RECORDS, CHUNK_CHARS, BLOCK_CHARS = 256, 4_000_000, 64
#: Blocks of cleaned records that are objects at a time, of one record at least.
BATCH_BLOCKS = 20_000
#: Bytes of finished tables that are assembled at a time, of one chunk at least.
SLICE_BYTES = 128 << 20


@dataclass(slots=True)
class _Chunk:
    """Results that are not on disk yet."""

    first: Place
    done: list[tuple[Any, str]] = field(default_factory=list)  # (a recipe value, raw_sha256)
    left_out: list[LeftOut] = field(default_factory=list)  # after those of ``bounded``
    bounded: pa.Table = field(default_factory=LEFT_OUT.empty_table)
    chars: int = 0

    def full(self) -> bool:
        return len(self.done) >= CHUNK_RECORDS or self.chars >= CHUNK_CHARS or self.bounded.num_rows >= SLICE

    def leave_out(self, one: LeftOut) -> None:
        self.left_out.append(one)
        if len(self.left_out) >= SLICE:
            self.bounded, self.left_out = self.all_left_out(), []

    def all_left_out(self) -> pa.Table:
        return bounded(pa.concat_tables([self.bounded, left_out_table(self.left_out)]))

    def take(self, result: Cleaned | Finished | Contentless | LeftOut, raw_sha256: str) -> None:
        if isinstance(result, LeftOut):
            self.leave_out(result)
        else:
            if isinstance(result, Contentless):
                self.leave_out(result.rejection)
            self.done.append((result, raw_sha256))
            cleaned = result if isinstance(result, Cleaned) else result.cleaned
            self.chars += sum(len(block.text) + BLOCK_CHARS for block in cleaned.extracted.blocks)


#: A page of ours, in both scripts, that makes every stage load its tables and weights.
_WARM = """<title>示例</title><ul class=nav><li><a href=/>Home</a> | <a href=/n>新闻</a></ul><h1>全国碳市场</h1>
<p>来源：示例网 2024-09-11 08:46</p><p>The council met on Monday and agreed on a plan for the river, officials said.</p>
<p>全国碳排放权交易市场今日开市，首日成交量超过四百万吨，有关负责人出席并讲话。</p><p>Kontakt oss</p>
<p>Meer lezen over dit</p><p>Nova lista</p><p>版权所有 example.org</p>"""


def warm_up() -> None:
    """Load what the stages load at first use, so that children forked later need not, each anew."""
    import_module("pyarrow.dataset")  # which reads Parquet files
    rules = load_rules()
    for media_type in ("text/html", "text/plain"):
        cleaned = clean_record(Record("warm", None, _WARM.encode(), media_type), rules=rules)
        if isinstance(cleaned, Cleaned):
            finish_record(cleaned, template_hits=[None] * len(cleaned.keys))


def probe(task: CleanTask | FinishTask | AssembleTask, work: Path, journal: Journal) -> None:
    """Clean and finish pages of our own, under the rules or the language backend of a task.

    No record is to blame for what fails here: it is the installation, or a limit that nothing can keep.
    """
    raw, cleaned, finished = (work / name for name in ("raw", "cleaned", "finished"))
    for folder in (raw, cleaned, finished):
        folder.mkdir()
    for suffix in ("html", "txt"):
        (raw / f"page.{suffix}").write_text(_WARM, "utf-8")
    inputs = tuple(one for one in scan(raw) if isinstance(one, RawInput))
    ours = CleanTask("probe", cleaned, task.limits, raw, inputs, ReadLimits())
    if isinstance(task, CleanTask):
        ours = replace(task, raw=raw, inputs=inputs)
    clean_shard(ours, cleaned, Span(), journal)
    hits = work / "templates"
    write_table(pa.table({"site": pa.array([], pa.string()), "key": pa.array([], pa.uint64())}), hits)
    last = FinishTask("probe", finished, task.limits, 2, cleaned, hits, backend="lid176", seed=0, version="")
    if isinstance(task, FinishTask):
        last = replace(task, cleaned=cleaned, templates=hits, earlier=None)
    finish_shard(last, finished, Span(), journal)


def clean_shard(task: CleanTask, work: Path, span: Span, journal: Journal) -> None:
    """Read the raw files of a shard and clean each record."""
    rules = load_rules(task.rules, without=task.without)
    chunk = _Chunk(span.start)
    with RawFolder(task.raw) as raw:
        for number, one in enumerate(task.inputs):
            for place, result in _read_places(task, raw, number, span, journal):
                if isinstance(result, Record):
                    chunk.take(clean_record(result, rules=rules), one.sha256)
                else:
                    chunk.take(result, one.sha256)
                if chunk.full():
                    chunk = _write_cleaned(chunk, work, journal, (place[0], place[1] + 1))
    _write_cleaned(chunk, work, journal, (len(task.inputs), 0))


def _read_places(
    task: CleanTask, raw: RawFolder, number: int, span: Span, journal: Journal
) -> Iterator[tuple[Place, Record | Rejection | Skipped]]:
    """Each record of one raw file that lies in the span, noted in the journal before it is worked on."""
    if number < span.start[0] or (span.stop is not None and (number, 0) >= span.stop):
        return
    scanned, copies = task.inputs[number], dict(task.copies)
    path = scanned.path
    reader = read_file(raw, path, limits=task.read, scanned=scanned, copy=copies.get(path))
    place = (number, 0)
    while True:
        if span.stop is not None and place >= span.stop:
            return
        journal.begin(place, READING if span.holds(place) else SKIPPING, path)
        result = next(reader, None)
        if result is None and place[1] == 0:
            result = Rejection(path, None, "read", Reason.EMPTY, "There is no record in it.")
        if result is None:
            return
        if span.holds(place):
            journal.begin(place, WORKING, path, result.member)
            yield place, result
        place = (number, place[1] + 1)


def _write_cleaned(chunk: _Chunk, work: Path, journal: Journal, after: Place) -> _Chunk:
    records, blocks = cleaned_tables([one for one, _ in chunk.done], [sha256 for _, sha256 in chunk.done])
    tables = {"records": records, "blocks": blocks, "left_out": chunk.all_left_out()}
    return _write_chunk(tables, chunk, work, journal, after)


def _write_chunk(tables: Mapping[str, pa.Table], chunk: _Chunk, work: Path, journal: Journal, after: Place) -> _Chunk:
    if chunk.done or tables["left_out"].num_rows:
        _write_tables(tables, chunk_name(chunk.first), work)
    journal.safe(after)
    return _Chunk(after)


def _write_tables(tables: Mapping[str, pa.Table], name: str, work: Path) -> None:
    for table_name, table in tables.items():
        write_table(table, work / chunk_file(name, table_name))


def finish_shard(task: FinishTask, work: Path, span: Span, journal: Journal) -> None:
    """Label each cleaned record with the site templates known, and make its dataset rows.

    What an earlier result of the same records says of those that have the same template lines is taken over.
    """
    hits = pq.read_table(task.templates, use_threads=False)
    made_with = {"backend": task.backend, "seed": task.seed, "version": task.version, "made_of": task.made_of}
    note_hits(hits, made_with, work)
    earlier = earlier_result(task.earlier, hits, made_with)
    shard = _Finishing(task, index_templates(hits), work, span, journal)
    chunks = chunk_names(task.cleaned, "records")
    for number, file in enumerate(chunks):
        if number < span.start[0] or (span.stop is not None and (number, 0) >= span.stop):
            continue
        whole = span.start <= (number, 0) and (span.stop is None or span.stop >= (number + 1, 0))
        shard.finish(number, file, earlier if whole else None)
    journal.safe((len(chunks), 0))


@dataclass(frozen=True, slots=True)
class _Finishing:
    """A shard that is finished: a chunk of it at a time."""

    task: FinishTask
    templates: TemplateIndex
    work: Path
    span: Span
    journal: Journal

    def finish(self, number: int, file: Path, earlier: Earlier | None) -> None:
        """Finish the records of a chunk that lie in the span and that no earlier result has."""
        records = pq.read_table(file, use_threads=False)
        blocks = pq.read_table(beside(file, "blocks"), use_threads=False)
        again = np.array([self.span.holds((number, index)) for index in range(records.num_rows)], dtype=bool)
        pieces = pieces_of(earlier, number) if earlier else ()
        if earlier and pieces:
            again = outdated(earlier, pieces, records, blocks)
        if not earlier or not pieces or again.any():
            chunk = self._made_again(number, records, blocks, again)
            left_out = left_out_table(chunk.left_out)  # a row each: a later run may take over some of them
            tables = {**finished_tables(chunk.done, version=self.task.version), "left_out": left_out}
            if earlier and pieces:
                tables = merged(earlier, pieces, tables, records=records, again=again)
            if any(table.num_rows for table in tables.values()):
                _write_tables(tables, chunk_name(chunk.first), self.work)
        else:
            for name in pieces:
                take_chunk(earlier, name, self.work)
        self.journal.safe((number + 1, 0))

    def _made_again(self, number: int, records: pa.Table, blocks: pa.Table, again: NDArray[np.bool_]) -> _Chunk:
        chunk = _Chunk(max((number, 0), self.span.start))
        for cleaned, raw_sha256 in _each(records, blocks, again, number, self.journal):
            hits = match_templates(self.templates, cleaned.site, cleaned.keys)
            done = finish_record(cleaned, template_hits=hits, backend=self.task.backend, seed=self.task.seed)
            chunk.take(done, raw_sha256)
        return chunk


def _each(
    records: pa.Table, blocks: pa.Table, mask: NDArray[np.bool_], number: int, journal: Journal
) -> Iterator[tuple[Cleaned, str]]:
    """The records of a mask, each noted in the journal before it is worked on; a batch of them is in memory at a time.

    A batch is noted under its first record: one that is too large for memory is a batch of its own, and to blame.
    """
    n_blocks = records["n_blocks"].to_numpy()
    bounds = block_bounds(records)
    paths, members = records["path"], records["member"]
    for batch in _batches(np.flatnonzero(mask), n_blocks):
        first, after = batch[0], batch[-1] + 1
        journal.begin((number, first), WORKING, paths[first].as_py(), members[first].as_py())
        of_them = blocks.slice(bounds[first], bounds[after] - bounds[first])
        part = chosen(records.slice(first, after - first), of_them, mask[first:after])
        for index, value in zip(batch, cleaned_values(*part), strict=True):
            if index != first:
                journal.begin((number, index), WORKING, value[0].record.path, value[0].record.member)
            yield value


def _batches(indices: NDArray[np.integer], n_blocks: NDArray[np.integer]) -> Iterator[list[int]]:
    """The indices in order, in groups of at most BATCH_BLOCKS blocks, or of one."""
    batch: list[int] = []
    size = 0
    for index in indices.tolist():
        if batch and size + n_blocks[index] > BATCH_BLOCKS:
            yield batch
            batch, size = [], 0
        batch.append(index)
        size += n_blocks[index]
    if batch:
        yield batch


def assemble_shard(task: AssembleTask, work: Path, span: Span, journal: Journal) -> None:
    """Make the shard's parts of documents, sections, blocks and duplicates. Nothing untrusted is parsed here.

    A slice of so many chunks that it fits into memory makes a part of each dataset; a shard may have several.
    """
    chunks = chunk_names(task.finished, "documents")
    said = said_of_shard(chunks, task.duplicates, task.first_seen)
    dead = pa.array(task.dead, pa.string())
    journal.safe(span.start)  # a sign of life
    for first, after, tables in _slices(chunks, span.start[0]):
        parts = assemble_parts(tables, said=said, started_at=task.started_at, dead=dead)
        for name, table in parts.items():
            if table.num_rows:
                write_table(table, work / chunk_file(chunk_name((first, 0)), name))
        journal.safe((after, 0))
        del tables, parts  # before the next slice is read


def _slices(chunks: Sequence[Path], first: int) -> Iterator[tuple[int, int, dict[str, pa.Table]]]:
    """From that chunk on, the tables of SLICE_BYTES (of one chunk at least): (first, after the last, tables)."""
    names = ("documents", "sections", "blocks")
    tables: dict[str, list[pa.Table]] = {name: [DATASETS[name].empty_table()] for name in names}
    size = 0
    for number in range(first, len(chunks)):
        path = chunks[number]
        for name in names:
            table = pq.read_table(beside(path, name), use_threads=False)
            tables[name].append(table)
            size += table.nbytes
        if size >= SLICE_BYTES or number + 1 == len(chunks):
            yield first, number + 1, {name: pa.concat_tables(tables.pop(name)) for name in names}
            tables, size, first = {name: [DATASETS[name].empty_table()] for name in names}, 0, number + 1
