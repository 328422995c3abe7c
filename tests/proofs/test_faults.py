"""Every call of a publish, a rollback and a prune that changes the disk is killed or refused once.

Whole runs are put through the same by ``python -m proofs.faults``; a few of its trials are here.
"""

import os
import random
import re
import shutil
import signal

import pytest

from pipeline.errors import OutputError, SnapshotError
from pipeline.schema import DATASETS
from pipeline.store.check import intact
from pipeline.store.claim import locked
from pipeline.store.files import MENDS, write_table
from pipeline.store.layout import staged_part
from pipeline.store.marks import has_mark, make_marked, remove_ours, sweep
from pipeline.store.snapshots import list_snapshots, open_snapshot, prune, publish, rollback, tidy
from proofs.trials.shim import Fault, Shim

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

KEEP = 3


def staged(folder, *paths):
    row = {"stage": "read", "reason": "empty", "message": "", "attempts": 1, "first_seen_at": 0, "n_records": 1}
    rows = [{"doc_id": path, "path": path, **row} for path in paths]
    folder.mkdir(exist_ok=True)
    for name, schema in DATASETS.items():
        table = schema.empty_table().from_pylist(rows if name == "quarantine" else [], schema=schema)
        write_table(table, folder / f"{name}.parquet")
        yield staged_part(name, folder / f"{name}.parquet"), folder / f"{name}.parquet"


def put(out, stage, *paths):
    with locked(out):
        return publish(out, list(staged(stage, *paths)), manifest={"counts": {}}, keep=KEEP)


def seen(out):
    snapshot = open_snapshot(out)
    assert intact(snapshot)
    return snapshot.table("quarantine")["path"].to_pylist()


def files(out):
    """Every path, and where the links point."""
    return sorted(f"{p.relative_to(out)} {p.readlink() if p.is_symlink() else ''}" for p in out.rglob("*"))


def forked(do):
    """Exit code of a function in a process of its own: 0, 2 for an OutputError, minus the signal."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            do()
            code = 0
        except OutputError:
            code = 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def with_fault(out, fault, do):
    def disturbed():
        shim = Shim(out, fault)
        shim.install()
        do()
        (out.parent / "count").write_text(str(shim.count))

    return forked(disturbed)


def every_call(tmp_path, do):
    out = prepared(tmp_path, "count-calls")
    assert with_fault(out, None, lambda: do(out)) == 0
    return range(1, int((out.parent / "count").read_text()) + 1)


def prepared(tmp_path, name):
    """An output with four snapshots, of which three are kept; "d" is live."""
    template, out = tmp_path / "template", tmp_path / name / "out"
    if not template.exists():
        for path in "abcd":
            put(template, tmp_path / "stage", path)
    shutil.copytree(template, out, symlinks=True)
    return out


@pytest.mark.parametrize("mode", ["kill", "ENOSPC", "EIO", "EACCES", "EMFILE"])
def test_a_publish_disturbed_at_any_call_leaves_the_old_snapshot_or_the_new_and_the_next_one_clears_up(tmp_path, mode):
    def publish_e(out):
        put(out, tmp_path / "stage", "e")

    clean = prepared(tmp_path, "clean")
    publish_e(clean)
    for n in every_call(tmp_path, publish_e)[:: 1 if mode == "kill" else 5]:
        out = prepared(tmp_path, f"at-{n}")
        code = with_fault(out, Fault(mode, n), lambda out=out: publish_e(out))
        assert code in ({-signal.SIGKILL} if mode == "kill" else {0, 2})
        assert seen(out) in (["d"], ["e"]), n
        if seen(out) == ["d"]:
            publish_e(out)
        else:
            tidy(out)
            prune(out, KEEP)
        assert seen(out) == ["e"]
        assert files(out) == files(clean), n


@pytest.mark.parametrize("mode", ["kill", "EIO"])
def test_a_rollback_and_a_prune_disturbed_at_any_call_are_done_or_not(tmp_path, mode):
    def back(out):
        rollback(out, "000002")
        prune(out, 1)

    for n in every_call(tmp_path, back):
        out = prepared(tmp_path, f"at-{n}")
        with_fault(out, Fault(mode, n), lambda out=out: back(out))
        assert seen(out) in (["d"], ["b"])
        assert all(intact(one) for one in list_snapshots(out))
        put(out, tmp_path / "stage", "e")
        assert seen(out) == ["e"]
        assert open_snapshot(out).name == "000005"


def test_an_fsync_that_fails_is_not_tried_again(tmp_path, monkeypatch):
    out = prepared(tmp_path, "fsync")
    calls = []

    def fail(fd):
        calls.append(fd)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="Input/output error"):
        put(out, tmp_path / "stage", "e")
    assert len(calls) == 1
    assert seen(out) == ["d"]


def test_after_a_rollback_the_next_number_is_new_and_the_newer_snapshots_stay(tmp_path):
    out = prepared(tmp_path, "back")
    assert rollback(out, "000003").name == "000003"
    assert seen(out) == ["c"]
    assert put(out, tmp_path / "stage", "e").name == "000005"
    assert [one.name for one in list_snapshots(out)] == ["000003", "000004", "000005"]
    assert rollback(out, "000004").table("quarantine")["path"].to_pylist() == ["d"]


def test_a_rollback_to_nothing_names_where_to_look(tmp_path):
    with pytest.raises(SnapshotError, match="snapshots list"):
        rollback(tmp_path / "none", "000001")
    assert not (tmp_path / "none").exists()
    out = prepared(tmp_path, "some")
    for name in ("000001", "000009", "../000003", "x"):
        with pytest.raises(SnapshotError, match="snapshots list"):
            rollback(out, name)
    part = open_snapshot(out, "000003").files("quarantine")[0]
    part.unlink()
    with pytest.raises(SnapshotError, match="lost its part"):
        rollback(out, "000003")
    assert seen(out) == ["d"]


def test_prune_keeps_the_newest_and_the_live_one(tmp_path):
    out = prepared(tmp_path, "prune")
    rollback(out, "000002")
    assert prune(out, 1) == ["000003"]
    assert [one.name for one in list_snapshots(out)] == ["000002", "000004"]


def test_a_snapshot_that_was_never_live_is_cleared_away_and_one_that_was_is_not(tmp_path):
    out = prepared(tmp_path, "dead")
    rollback(out, "000003")
    dead = out / "snapshots" / "000005"  # newer than the live one, ours, and LATEST never named it
    (out / "snapshots" / "000002").rename(dead)
    (dead / "_published").unlink()
    with locked(out):
        tidy(out)
    assert not dead.exists()
    assert [one.name for one in list_snapshots(out)] == ["000003", "000004"]


def test_a_lost_LATEST_costs_no_snapshot(tmp_path):
    out = prepared(tmp_path, "lost")
    (out / "LATEST").unlink()
    assert put(out, tmp_path / "stage", "e").name == "000005"
    assert [one.name for one in list_snapshots(out)] == ["000003", "000004", "000005"]


def test_a_full_rebuild_does_not_link_a_part_that_is_damaged(tmp_path):
    out = prepared(tmp_path, "rot")
    part = open_snapshot(out).files("documents")[0]
    part.write_bytes(part.read_bytes()[::-1])
    assert intact(put(out, tmp_path / "stage", "d", "e"))


def test_an_error_of_the_system_is_one_sentence_with_what_to_do(tmp_path):
    for number, mend in MENDS.items():
        with pytest.raises(OutputError, match="cannot be written") as caught, locked(tmp_path / "out"):
            raise OSError(number, os.strerror(number), "a-file")
        assert os.strerror(number) in str(caught.value)
        assert mend in str(caught.value)


OURS_HERE = re.compile(r"(?:.+/)?(?:[^/]+\.ours|\.winnow)")  # marks too: folders of ours may lie in one


def killed_at(root, n, act):
    """Whether the n-th call that changes the disk was reached, at which the process was killed."""
    pid = os.fork()
    if pid == 0:
        Shim(root, Fault("kill", n)).install()
        if act == "make":
            make_marked(root / "new", "results")
        else:
            remove_ours(root / "made", OURS_HERE)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("act", ["make", "remove"])
def test_a_folder_of_ours_made_or_unmade_and_killed_at_any_call_leaves_what_is_ours_and_goes(tmp_path, act):
    n, killed = 1, True
    while killed:
        root = tmp_path / f"at-{n}"
        make_marked(root / "made", "results")
        make_marked(root / "made" / "deep", "results")
        for name in ("a.ours", "deep/b.ours", "z.ours"):
            (root / "made" / name).write_text("x")
        killed = killed_at(root, n, act)
        sweep(root)
        left = [one for one in root.iterdir() if one.name != "made" or act == "remove"]
        assert all(map(has_mark, left)), n
        for one in left:
            remove_ours(one, OURS_HERE)
        assert [one.name for one in root.iterdir()] == (["made"] if act == "make" else [])
        n += 1
    assert n > 3


@pytest.mark.filterwarnings("ignore")
def test_a_few_trials_on_whole_runs(tmp_path):
    from proofs.trials.trial import make_bench

    rng = random.Random(1)
    bench = make_bench(tmp_path, rng, quick=True, n_kills=1)
    faults = [Fault("kill", rng.randint(1, bench.n_calls)) for _ in range(2)]
    faults += [Fault("kill", bench.n_calls - 3), Fault("ENOSPC", rng.randint(1, bench.n_calls), persistent=True)]
    for fault in faults:
        assert bench.survives(fault).problem == "", fault
