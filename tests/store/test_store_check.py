"""Each invariant is broken once, and the check names it."""

import pyarrow as pa
import pytest

from pipeline.errors import InvariantError, SnapshotError
from pipeline.schema import DATASETS
from pipeline.store.check import EACH, WHOLE, check_parts, check_snapshot
from pipeline.store.files import write_table
from pipeline.store.layout import staged_part
from pipeline.store.snapshots import publish

TEXT = "全国碳市场今日开市。\nThe market opened."


def rows():
    """A collection that adds up: a document of two blocks and two sections, a duplicate of it, one in quarantine."""
    first, second = TEXT.split("\n")
    start = len(first) + 1

    def file(path, **counts):
        return {
            "path": path,
            "n_records": 1,
            "n_documents": 0,
            "n_duplicates": 0,
            "n_quarantined": 0,
            "n_skipped": 0,
        } | counts

    def block(ordinal, text, start):
        return {
            "doc_id": "d1",
            "ordinal": ordinal,
            "text": text,
            "start": start,
            "end": start + len(text),
            "label": "content",
        }

    return {
        "documents": [{"doc_id": "d1", "path": "a.txt", "title": "开市", "text": TEXT}],
        "sections": [
            {"section_id": "d1-0", "doc_id": "d1", "text": first, "char_start": 0, "char_end": start - 1},
            {"section_id": "d1-1", "doc_id": "d1", "text": second, "char_start": start, "char_end": len(TEXT)},
        ],
        "blocks": [block(0, first, 0), block(1, second, start)],
        "duplicates": [{"doc_id": "d2", "path": "b.txt", "duplicate_of": "d1"}],
        "quarantine": [{"doc_id": "d3", "path": "c.txt", "n_records": 1}],
        "inputs": [file("a.txt", n_documents=1), file("b.txt", n_duplicates=1), file("c.txt", n_quarantined=1)],
        "runs": [],
    }


def whole(row, schema):
    """The row with something in every column that may not be empty."""
    return {f.name: empty_value(f.type) for f in schema if not f.nullable} | row


def empty_value(kind):
    if pa.types.is_struct(kind):
        return {f.name: empty_value(f.type) for f in kind}
    if pa.types.is_list(kind) or pa.types.is_map(kind):
        return []
    if pa.types.is_boolean(kind):
        return False
    return "" if pa.types.is_string(kind) else 0


def written(tables, folder):
    files = {}
    for name, schema in DATASETS.items():
        files[name] = [folder / f"{name}.parquet"]
        table = schema.empty_table().from_pylist([whole(row, schema) for row in tables[name]], schema=schema)
        write_table(table, files[name][0])
    return files


def check(tables, folder):
    check_parts(written(tables, folder), threads=1)


def change(tables, name, number, **values):
    tables[name][number].update(values)


BREAKS = {
    "every record of a file is in exactly one of": lambda t: change(t, "inputs", 0, n_records=2),
    "every row of documents, duplicates and quarantine belongs": lambda t: change(t, "quarantine", 0, path="z.txt"),
    "a row of quarantine stands for one record or more": lambda t: change(t, "quarantine", 0, n_records=0),
    "what was skipped of a file": lambda t: change(t, "inputs", 0, n_skipped=1, n_records=2),
    "the counts of a file equal its rows": lambda t: t["documents"].append({**t["documents"][0], "doc_id": "d9"}),
    "document ids are unique": lambda t: change(t, "duplicates", 0, doc_id="d1"),
    "every duplicate points at a live document": lambda t: change(t, "duplicates", 0, duplicate_of="d7"),
    "every repeated story points at a live section": lambda t: change(t, "sections", 1, duplicate_of="d7-0"),
    "blocks of a document ascend without overlap": lambda t: change(t, "blocks", 1, start=3),
    "hidden blocks of a document ascend": lambda t: change(t, "blocks", 1, label="hidden", start=-1),
    "the clean text is the content blocks": lambda t: change(t, "blocks", 1, label="footer"),
    "a section's text is its place": lambda t: change(t, "sections", 1, char_start=0),
    "no control or bidi characters": lambda t: change(t, "documents", 0, title="a\u202eb"),
}


def test_a_collection_that_adds_up_passes(tmp_path):
    check(rows(), tmp_path)


@pytest.mark.parametrize("invariant", BREAKS)
def test_a_broken_invariant_is_named_with_the_rows(tmp_path, invariant):
    tables = rows()
    BREAKS[invariant](tables)
    with pytest.raises(InvariantError, match=invariant):
        check(tables, tmp_path)


def test_every_invariant_is_broken_here():
    for name in (*WHOLE, *EACH):
        assert any(name.startswith(start) for start in BREAKS), name


@pytest.fixture
def snapshot(tmp_path):
    check(rows(), tmp_path)
    staged = [(staged_part(name, tmp_path / f"{name}.parquet"), tmp_path / f"{name}.parquet") for name in DATASETS]
    return publish(tmp_path / "out", staged, manifest={"counts": {}}, keep=1)


def test_a_published_snapshot_is_read_again_and_checked(snapshot):
    assert check_snapshot(snapshot) == len(WHOLE) + len(EACH)


@pytest.mark.parametrize("damage", [b"", b"PAR1", None])
def test_a_part_that_is_not_as_it_was_published_is_named(snapshot, damage):
    part = snapshot.files("documents")[0]
    if damage is None:
        part.unlink()
    else:
        part.write_bytes(damage)
    with pytest.raises(SnapshotError, match=part.name):
        check_snapshot(snapshot)


def test_one_flipped_bit_is_found(snapshot):
    part = snapshot.files("blocks")[0]
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    with pytest.raises(SnapshotError, match=part.name):
        check_snapshot(snapshot)


def test_a_file_that_a_glob_would_read_as_well_is_found(snapshot):
    part = snapshot.files("documents")[0]
    (part.parent / "more.parquet").write_bytes(part.read_bytes())
    with pytest.raises(SnapshotError, match=r"more\.parquet"):
        check_snapshot(snapshot)


def test_what_was_assembled_together_is_checked_together_and_what_was_published_before_is_not_again(tmp_path):
    tables = rows()
    change(tables, "blocks", 1, start=0)
    files = written(tables, tmp_path)
    check_parts(files, [], threads=1)
    check_parts(files, [{}, {"documents": [], "quarantine": files["quarantine"]}], threads=1)
    with pytest.raises(InvariantError, match="ascend"):
        check_parts(files, [{}, files], threads=1)


def test_parts_that_no_assembly_names_are_checked_too(tmp_path):
    tables = rows()
    change(tables, "blocks", 1, start=0)
    staged = [(staged_part(name, file), file) for name, (file,) in written(tables, tmp_path).items()]
    names = [[part.dataset, part.name] for part, _ in staged]
    for slices in ({}, {"a": [names]}, {"a": [names[:1], names[1:]]}, {"a": [names[:1]]}):
        manifest = {"counts": {}, "slices": slices}
        with pytest.raises(InvariantError):
            check_snapshot(publish(tmp_path / "out", staged, manifest=manifest, keep=3))
