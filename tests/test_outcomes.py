"""What became of every raw file: files that change under runs, and members that are skipped by name."""

from __future__ import annotations

from pipeline.errors import Reason
from pipeline.outcomes import LeftOut, changing_files, settle, with_runs
from pipeline.types import RawInput


def left(path: str, reason: Reason, member: str | None = None) -> LeftOut:
    return LeftOut(path, member, "quarantine", "read", reason.value, "A sentence.", 1)


def test_runs_in_a_row_are_counted_by_file_and_forgotten_once_it_is_read() -> None:
    now = [left("日志.txt", Reason.FILE_CHANGED), left("new.txt", Reason.FILE_CHANGED), left("x.txt", Reason.EMPTY)]
    before = {"日志.txt": 2, "read again.txt": 2, "copied.txt": 3, "calm.txt": 4}
    changing, notices = changing_files(now, before, ["copied.txt"])
    assert changing == {"copied.txt": 3, "日志.txt": 3, "new.txt": 1}
    assert [one.attempts for one in with_runs(now, changing)] == [3, 1, 1]
    copied, again = notices
    assert copied.startswith("1 file (copied.txt):")
    assert again.startswith("1 file (日志.txt):")
    assert changing_files([], before, []) == ({}, [])


def test_what_is_kept_and_said_of_files_that_change_is_bounded() -> None:
    now = [left(f"{n}\x1b.txt", Reason.FILE_CHANGED) for n in range(5_000)]
    before = {one.path: 1 for one in now[4_000:]}
    changing, (notice,) = changing_files(now, before, [])
    assert len(changing) == 1_000
    assert set(changing) == set(before)
    assert "990 more" in notice
    assert notice.isprintable()


def test_each_member_that_is_skipped_is_counted_and_named_with_its_archive() -> None:
    names = [f"b/._{n}.txt" for n in range(13)]
    skipped = [LeftOut("a.zip", name, "skipped", "read", "", "hidden", 1) for name in names]
    skipped.append(LeftOut("a.zip", "e.docx", "skipped", "read", "", "unsupported type: zip archive", 1))
    skipped.append(LeftOut(".git/", None, "skipped", "scan", "hidden", "hidden", 0))
    inputs = [RawInput("a.zip", 1, 1, "0" * 64)]
    outcomes = settle(inputs=inputs, left_out=skipped, documents=["a.zip"], duplicates=[], parent=None, started_at=0)
    hidden, archive = outcomes.inputs.sort_by("path").to_pylist()
    assert (archive["n_skipped"], archive["n_documents"], archive["outcome"]) == (14, 1, "mixed")
    assert archive["reason"] == (f"hidden: {', '.join(names[:10])} and 3 more; unsupported type: zip archive: e.docx")
    assert hidden["reason"] == "hidden"
