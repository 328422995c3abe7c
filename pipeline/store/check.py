"""The invariants of a snapshot, each an SQL query for the rows that break it.

They run over the staged parts before publishing; one row in an answer stops the run with nothing published.
A new invariant is one line in WHOLE or EACH.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InvariantError, OutputError, SnapshotError
from pipeline.schema import DATASETS
from pipeline.store.claim import check_marker
from pipeline.store.files import CONTENTS, DamagedError, damaged_files, kept_table
from pipeline.store.layout import FINISHED, LATEST, PACKS, STATE, Part, holds, in_size, pointed, staged_part
from pipeline.store.marks import is_file
from pipeline.store.snapshots import LOST, Snapshot, literal, live_name, open_snapshot, same_schema
from pipeline.store.state import ABOUT, damaged_in, results_in, sealed
from pipeline.text.safety import printable

if TYPE_CHECKING:
    import duckdb

#: Characters that must not be in a text: C0 controls but tab and line feed, DEL, C1, bidi controls.
_FORBIDDEN = r"[\x00-\x08\x0B-\x1F\x7F-\x{9F}\x{202A}-\x{202E}\x{2066}-\x{2069}]"

#: What checking the collection as a whole may hold in memory; the rest is spilled to disk.
WHOLE_MEMORY = "1GB"

#: Of the collection as a whole: narrow columns of every part.
WHOLE: Mapping[str, str] = {
    "every record of a file is in exactly one of documents, duplicates, quarantine, skipped": """
        select path, n_records, n_documents, n_duplicates, n_quarantined, n_skipped from inputs
        where n_records <> n_documents + n_duplicates + n_quarantined + n_skipped or n_records = 0""",
    "every row of documents, duplicates and quarantine belongs to a file of inputs": """
        select path from (select path from documents union all select path from duplicates
        union all select path from quarantine) anti join inputs using (path)""",
    "a row of quarantine stands for one record or more": "select path, member, n_records from quarantine where n_records < 1",
    "the counts of a file equal its rows": """
        with rows as (
            select path, count(*) filter (what = 'd') d, count(*) filter (what = 'u') u, sum(n) filter (what = 'q') q
            from (select path, 'd' what, 1 n from documents union all select path, 'u', 1 from duplicates
                  union all select path, 'q', n_records from quarantine) group by path)
        select path, n_documents, d, n_duplicates, u, n_quarantined, q from inputs left join rows using (path)
        where n_documents <> coalesce(d, 0) or n_duplicates <> coalesce(u, 0) or n_quarantined <> coalesce(q, 0)""",
    "what was skipped of a file is said of as many records": """
        select path, n_skipped from inputs
        where n_skipped <> coalesce(list_sum([one.n_records for one in skipped]), 0)""",
    "document ids are unique over documents and duplicates": """
        select doc_id, count(*) n from (select doc_id from documents union all select doc_id from duplicates)
        group by doc_id having n > 1""",
    "every duplicate points at a live document": """
        select doc_id, duplicate_of from duplicates d anti join documents t on d.duplicate_of = t.doc_id""",
    "every repeated story points at a live section": """
        select section_id, duplicate_of from sections s anti join sections t on s.duplicate_of = t.section_id
        where duplicate_of is not null""",
}

#: Of a slice, documents that were assembled together: parts that were published before have passed them.
EACH: Mapping[str, str] = {
    "blocks of a document ascend without overlap": """
        select doc_id, ordinal, start, "end", before from (
            select doc_id, ordinal, start, "end",
                   lag("end", 1, 0) over (partition by doc_id order by ordinal) before from blocks
                   where label <> 'hidden')
        where start < before or "end" <= start""",
    "hidden blocks of a document ascend": """
        select doc_id, ordinal, start, "end", before from (
            select doc_id, ordinal, label, start, "end",
                   lag(start, 1, 0) over (partition by doc_id order by ordinal) before from blocks)
        where label = 'hidden' and (start < before or "end" <= start)""",
    "the clean text is the content blocks, in order": """
        with joined as (
            select doc_id, string_agg(text, chr(10) order by ordinal) as whole from blocks
            where label = 'content' group by doc_id)
        select doc_id, left(documents.text, 60) as head from documents left join joined using (doc_id)
        where documents.text is distinct from whole""",
    "a section's text is its place in the document": """
        select section_id from sections join documents using (doc_id)
        where sections.text <> substring(documents.text, char_start + 1, char_end - char_start)""",
    "no control or bidi characters in a text": f"""
        select doc_id, title from documents where regexp_matches(text, '{_FORBIDDEN}')
        or regexp_matches(coalesce(title, ''), '{_FORBIDDEN}')""",
}


def check_parts(
    files: Mapping[str, Sequence[Path]],
    new: Iterable[Mapping[str, Sequence[Path]]] | None = None,
    *,
    threads: int = 2,
    spill: Path | None = None,
) -> None:
    """Raise InvariantError naming the first invariant that is broken, with up to ten offending rows.

    Raises OutputError when the disk refuses.

    ``files`` are the Parquet files of each dataset, at least one a dataset; ``new`` those of them that were not
    published before, in groups that hold documents with all their blocks and sections (None: all are one group);
    ``spill`` the folder in which what does not fit into memory gets a folder of its own (None: that for temporary files).
    """
    with tempfile.TemporaryDirectory(prefix="winnow-", dir=spill) as private:
        _check(files, [files] if new is None else new, {"threads": threads, "temp_directory": private})


def _check(
    files: Mapping[str, Sequence[Path]],
    new: Iterable[Mapping[str, Sequence[Path]]],
    config: dict[str, str | bool | int | float | list[str]],
) -> None:
    import duckdb  # a tenth of a second, which a run without news need not spend

    try:
        with duckdb.connect(config={**config, "memory_limit": WHOLE_MEMORY}) as connection:
            _hold(WHOLE, files, connection)
        for group in new:  # the texts of one group at a time
            with duckdb.connect(config=config) as connection:
                _hold(EACH, {name: group.get(name, ()) for name in DATASETS}, connection)
    except duckdb.IOException as error:
        raise OutputError(f"The invariants could not be checked: {error}.", mend="Check the disk.") from error


def _hold(
    invariants: Mapping[str, str], files: Mapping[str, Sequence[Path]], connection: duckdb.DuckDBPyConnection
) -> None:
    for name, paths in files.items():
        if paths:
            connection.from_parquet([literal(path) for path in paths], hive_partitioning=False).create_view(name)
        else:
            connection.from_arrow(DATASETS[name].empty_table()).create_view(name)
    for invariant, query in invariants.items():
        relation = connection.sql(f"select * from ({query}) limit 10")
        rows = relation.fetchall()
        if rows:
            shown = "\n".join(_shown(relation.columns, row) for row in rows)
            raise InvariantError(
                f"The run does not add up: “{invariant}” fails, so nothing was published.\n{shown}\n",
                mend="This is a bug in Winnow: please report it with these rows.",
            )


def check_snapshot(snapshot: Snapshot) -> int:
    """Re-read and re-hash every part of a published snapshot, then check the invariants; how many there are.

    Raises SnapshotError for datasets of another version of the schema, for a part that is missing or not as it was
    written, or a file that is no part but would be read with them; InvariantError otherwise.
    """
    if not same_schema(snapshot):
        raise SnapshotError(
            f"The snapshot {snapshot.name} was written by an older Winnow.", mend="Run again: it is rebuilt."
        )
    for part in snapshot.parts:
        file = snapshot.path / part.dataset / part.name
        if not _as_published(part, file):
            raise SnapshotError(f"The part {printable(str(file))} is not as it was published.", mend=LOST)
    for name in DATASETS:
        strange = set((snapshot.path / name).glob("*.parquet")).difference(snapshot.files(name))
        if strange:
            raise SnapshotError(
                f"{printable(str(min(strange)))} is no part of the snapshot.", mend="Delete it: a glob would read it."
            )
    check_parts({name: snapshot.files(name) for name in DATASETS}, _groups(snapshot))
    return len(WHOLE) + len(EACH)


def check_folder(out: Path) -> None:
    """Raise SnapshotError when LATEST or the marker of an output folder is not as it was written."""
    latest = pointed(out)
    wrong = [check_marker(out), None if latest == live_name(out) else f"its {LATEST} is lost, damaged or was set back"]
    for one in filter(None, wrong):
        raise SnapshotError(f"{printable(str(out))}: {one}.", mend="The next run mends it.")


def check_state(out: Path) -> int:
    """Prove all that is kept for later runs; how many folders and tables there are.

    Raises SnapshotError that names the first that is damaged.
    """
    folders = [*results_in(out / PACKS), *results_in(out / FINISHED)]
    with ThreadPoolExecutor() as threads:
        found = threads.map(
            lambda folder: list(damaged_in(folder) if sealed(folder) else damaged_files(folder)), folders
        )
        damaged = [file for files in found for file in files]
    damaged += _lost_notes(out, folders)
    tables = [file for file in sorted((out / STATE).glob("*.kept")) if is_file(file)]
    for file in tables:
        try:
            kept_table(file)
        except DamagedError:
            damaged.append(file)
    if damaged:
        more = f", and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        raise SnapshotError(
            f"{printable(str(damaged[0]))} is not as it was written{more}.",
            mend="The next run that has work to do makes it anew.",
        )
    return len(folders) + len(tables)


def _lost_notes(out: Path, folders: Iterable[Path]) -> list[Path]:
    """The notes that are gone from folders of results which the live snapshot was made of; others may be unfinished."""
    made_of = open_snapshot(out).manifest.get("state", {})
    notes = {"packs": (CONTENTS, ABOUT), "finished": (CONTENTS,)}
    return [
        folder / note
        for folder in folders
        if folder.name in made_of.get(folder.parent.name, ())
        for note in notes[folder.parent.name]
        if not is_file(folder / note)
    ]


def _groups(snapshot: Snapshot) -> list[dict[str, list[Path]]]:
    """The parts of a snapshot by slices; those of which it is not known which they are of are one group."""
    groups: list[dict[str, list[Path]]] = []
    rest = {(part.dataset, part.name) for part in snapshot.parts}
    for names in (one for slices in snapshot.manifest.get("slices", {}).values() for one in slices):
        groups.append({})
        for dataset, name in names:
            groups[-1].setdefault(dataset, []).append(snapshot.path / dataset / name)
            rest.discard((dataset, name))
    groups.append({})
    for dataset, name in sorted(rest):
        groups[-1].setdefault(dataset, []).append(snapshot.path / dataset / name)
    return groups


def intact(snapshot: Snapshot) -> bool:
    """True when every part is there as it was published."""
    return all(_as_published(part, snapshot.path / part.dataset / part.name) for part in snapshot.parts)


def in_place(snapshot: Snapshot) -> bool:
    """True when every part is there in its size, and those as they were published that a run with nothing new reads."""
    files = [(part, snapshot.path / part.dataset / part.name) for part in snapshot.parts]
    return all(holds(file, part) if part.dataset == "quarantine" else in_size(file, part) for part, file in files)


def _as_published(part: Part, file: Path) -> bool:
    return holds(file, part) and staged_part(part.dataset, file) == part


def _shown(columns: Sequence[str], row: Sequence[object]) -> str:
    return "  " + ", ".join(f"{name}={value!r}" for name, value in zip(columns, row, strict=True))
