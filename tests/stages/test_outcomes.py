"""What became of every raw file: files that change under runs, and members that are skipped by name."""

from __future__ import annotations

from pipeline.errors import LeftOut, Reason, Rejection
from pipeline.read.limits import skip
from pipeline.stages.outcomes import changing_files, settle, with_runs
from pipeline.store.left_out import LEFT_OUT, gathered, left_out_table
from pipeline.store.memory import recall
from pipeline.types import RawInput


def left(path: str, reason: Reason, member: str | None = None) -> LeftOut:
    return Rejection(path, member, "read", reason, "A sentence.")


def test_runs_in_a_row_are_counted_by_file_and_forgotten_once_it_is_read() -> None:
    reasons = {"日志.txt": Reason.FILE_CHANGED, "new.txt": Reason.FILE_CHANGED, "x.txt": Reason.EMPTY}
    now = left_out_table(left(path, reason) for path, reason in reasons.items())
    before = {"日志.txt": 2, "read again.txt": 2, "copied.txt": 3, "calm.txt": 4}
    changing, notices = changing_files(now, before, ["copied.txt"])
    assert changing == {"copied.txt": 3, "日志.txt": 3, "new.txt": 1}
    assert with_runs(now, changing)["attempts"].to_pylist() == [3, 1, 1]
    copied, again = notices
    assert copied.startswith("1 file (copied.txt):")
    assert again.startswith("1 file (日志.txt):")
    assert changing_files(LEFT_OUT.empty_table(), before, []) == ({}, [])


def test_what_is_kept_and_said_of_files_that_change_is_bounded() -> None:
    now = left_out_table(left(f"{n}\x1b.txt", Reason.FILE_CHANGED) for n in range(5_000))
    before = dict.fromkeys(now["path"].to_pylist()[4_000:], 1)
    changing, (notice,) = changing_files(now, before, [])
    assert len(changing) == 1_000
    assert set(changing) == set(before)
    assert "990 more" in notice
    assert notice.isprintable()


def test_each_member_that_is_skipped_is_counted_and_named_with_its_archive(tmp_path) -> None:
    names = [f"b/._{n}.txt" for n in range(130)]
    skipped = [skip("a.zip", name, "hidden") for name in names]
    skipped.append(skip("a.zip", "e.docx", "unsupported type: .docx"))
    skipped.append(skip(".git/", None, "hidden", stage="scan"))
    outcomes = settle(
        inputs=[RawInput("a.zip", 1, 1, "0" * 64)],
        left_out=gathered([left_out_table(skipped)]),
        documents={"a.zip": 1},
        duplicates={},
        memory=recall(tmp_path, None),
        started_at=0,
    )
    hidden, archive = outcomes.inputs.sort_by("path").to_pylist()
    assert (archive["n_skipped"], archive["n_documents"], archive["outcome"]) == (131, 1, "mixed")
    named = {one["member"]: one["n_records"] for one in archive["skipped"]}
    assert set(names[:100]) <= set(named)
    assert sum(named.values()) == 131
    assert hidden["reason"] == "hidden"
