"""Only what is ours is deleted, wherever a process of ours is killed."""

import os
import re
import shutil
import signal

import pytest

from benchmarks.faults_shim import Fault, Shim
from pipeline.errors import OutputError
from pipeline.marks import has_mark, make_marked, refuse_links, remove_ours, sweep, unoccupied

FILES = re.compile(r"(?:.+/)?[^/]+\.ours")


@pytest.fixture
def folder(tmp_path):
    make_marked(tmp_path / "root" / "made", "results")
    made = tmp_path / "root" / "made"
    (made / "deep" / "er").mkdir(parents=True)
    for name in ("a.ours", "deep/b.ours", "deep/er/c.ours"):
        (made / name).write_text("ours")
    return made


def test_a_folder_of_ours_goes_whole(folder):
    remove_ours(folder, FILES)
    assert list(folder.parent.iterdir()) == []


def test_what_is_not_ours_in_it_stays_and_links_are_not_followed(folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.ours").write_text("珍贵")
    (folder / "deep" / "note.txt").write_text("笔记")
    (folder / "deep" / "link").symlink_to(outside)
    (folder / "link.ours").symlink_to(outside / "precious.ours")
    remove_ours(folder, FILES)
    assert (outside / "precious.ours").read_text() == "珍贵"
    left = sorted(str(one.relative_to(folder)) for one in folder.rglob("*"))
    assert left == ["deep", "deep/link", "deep/note.txt", "link.ours"]
    assert not has_mark(folder)
    assert unoccupied(folder) == folder.with_name("made-2")


def test_a_link_to_a_marked_folder_carries_no_mark(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert not has_mark(tmp_path / "link")
    with pytest.raises(OutputError, match="link"):
        refuse_links(folder, tmp_path / "link")


def killed_at(root, n, act):
    """Whether the n-th call that changes the disk was reached, at which the process was killed."""
    pid = os.fork()
    if pid == 0:
        Shim(root, Fault("kill", n)).install()
        if act == "make":
            make_marked(root / "new", "results")
        else:
            remove_ours(root / "made", FILES)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("act", ["make", "remove"])
def test_killed_at_any_call_what_is_left_is_ours_and_goes(folder, tmp_path, act):
    n, killed = 1, True
    while killed:
        root = tmp_path / f"at-{n}"
        shutil.copytree(folder.parent, root)
        killed = killed_at(root, n, act)
        sweep(root)
        left = [one for one in root.iterdir() if one.name != "made" or act == "remove"]
        assert all(map(has_mark, left)), n
        for one in left:
            remove_ours(one, FILES)
        assert [one.name for one in root.iterdir()] == (["made"] if act == "make" else [])
        n += 1
    assert n > 3
