"""The raw folder by descriptors: whatever is swapped for a link, and whenever, nothing outside is ever read."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import RawFolderError, Reason, Rejection, Skipped
from pipeline.read import read_file
from pipeline.read import scan as rawfile
from pipeline.read.scan import RawFolder, hash_file, scan
from pipeline.types import RawInput, Record

TEXT = "The carbon market opened. 全国碳市场开市。\n"
SECRET = "SECRETCANARY 机密\n"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A raw folder, beside one of the same shape that must never be read."""
    for where, text in (("raw", TEXT), ("outside", SECRET)):
        for name in ("a/b/c/one.txt", "a/b/two.txt", "z.txt"):
            (tmp_path / where / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / where / name).write_text(f"{text} {name}")
    return tmp_path / "raw"


def swap(raw: Path, folder: str) -> None:
    """Put a link to the same place outside in place of a folder."""
    if not (raw / folder).is_symlink():
        (raw / folder).rename(raw.parent / "away")
        (raw / folder).symlink_to(raw.parent / "outside" / folder)


@pytest.mark.parametrize("folder", ["a", "a/b", "a/b/c"])
@pytest.mark.parametrize("call", range(12))
def test_a_folder_swapped_at_any_call_never_leads_outside(
    raw: Path, monkeypatch: pytest.MonkeyPatch, folder: str, call: int
) -> None:
    """Swapped before the n-th call to the system, for each n: scanned and read, or rejected by name."""
    secrets = {hash_of(raw.parent / "outside" / name) for name in ("a/b/c/one.txt", "a/b/two.txt")}
    n_calls = 0

    def counted(plain: Callable[..., object]) -> Callable[..., object]:
        def do(*args: object, **kwargs: object) -> object:
            nonlocal n_calls
            n_calls += 1
            if n_calls == call:
                swap(raw, folder)
            return plain(*args, **kwargs)

        return do

    with monkeypatch.context() as patch:
        for name in ("open", "scandir", "stat", "fstat"):
            patch.setattr(rawfile.os, name, counted(getattr(os, name)))
        found = list(scan(raw))
    assert not {one.sha256 for one in found if isinstance(one, RawInput)} & secrets
    assert len(found) >= 2
    for one in found:
        if isinstance(one, Rejection):
            assert one.reason is Reason.FILE_CHANGED
        elif isinstance(one, Skipped):
            assert one.reason == "symbolic link"


def hash_of(file: Path) -> str:
    with RawFolder(file.parent) as folder:
        found = hash_file(folder, file.name)
    assert isinstance(found, RawInput)
    return found.sha256


@pytest.mark.parametrize("folder", ["a", "a/b", "a/b/c"])
def test_a_folder_swapped_between_scan_and_reading_is_no_way_out(raw: Path, folder: str) -> None:
    scanned = {one.path: one for one in scan(raw) if isinstance(one, RawInput)}
    swap(raw, folder)
    for path, one in scanned.items():
        (outcome,) = read_file(raw, path, scanned=one)
        inside = path.startswith(f"{folder}/")
        assert isinstance(outcome, Rejection if inside else Record)
        if isinstance(outcome, Rejection):
            assert outcome.reason is Reason.FILE_CHANGED


def test_the_raw_folder_itself_may_be_a_link(raw: Path) -> None:
    (raw.parent / "link").symlink_to(raw)
    assert list(scan(raw.parent / "link")) == list(scan(raw))


def test_a_file_that_was_only_touched_is_read_and_one_that_was_edited_is_not(raw: Path) -> None:
    file = raw / "z.txt"
    (scanned,) = (one for one in scan(raw) if isinstance(one, RawInput) and one.path == "z.txt")
    os.utime(file)
    file.chmod(0o640)
    shutil.copy(file, raw / "copy")
    (raw / "copy").replace(file)
    assert isinstance(next(read_file(raw, "z.txt", scanned=scanned)), Record)
    status = file.stat()
    file.write_text(file.read_text().upper())
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    (outcome,) = read_file(raw, "z.txt", scanned=scanned)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is Reason.FILE_CHANGED


def test_an_edit_with_the_time_set_back_and_two_files_swapped_are_seen(raw: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (raw / name).write_text(name)
        os.utime(raw / name, (1, 1))
    before = {one.path: one for one in scan(raw) if isinstance(one, RawInput)}
    (raw / "z.txt").write_text((raw / "z.txt").read_text().swapcase())
    os.utime(raw / "z.txt", ns=(1, before["z.txt"].mtime_ns))
    (raw / "one.txt").rename(raw / "x.tmp")
    (raw / "two.txt").rename(raw / "one.txt")
    (raw / "x.tmp").rename(raw / "two.txt")
    after = {one.path: one for one in scan(raw, before) if isinstance(one, RawInput)}
    assert {path for path in before if before[path].sha256 != after[path].sha256} == {"z.txt", "one.txt", "two.txt"}
    assert after == {one.path: one for one in scan(raw)}


def deep(folder: Path, name: str, depth: int) -> None:
    """A file so deep that its path is longer than a call to the system may take."""
    at = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        for file in ("a.txt", "z.txt"):
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY, dir_fd=at))
        os.close(at)
        at = below
    bottom = os.open("bottom.txt", os.O_CREAT | os.O_WRONLY, dir_fd=at)
    os.write(bottom, TEXT.encode())
    os.close(bottom)
    os.close(at)


def n_open() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "raw"
    subprocess.run(["rm", "-rf", tmp_path / "raw"], check=True)  # the standard library gives up on such a depth


def test_hundreds_of_folders_in_one_another_are_read_with_few_descriptors(tree: Path) -> None:
    tree.mkdir()
    deep(tree, "wide-folder", 500)
    n_before = n_open()
    most = 0
    inputs = []
    for one in scan(tree):
        assert isinstance(one, RawInput)
        inputs.append(one)
        most = max(most, n_open())
    assert most - n_before < 100
    assert len(inputs) == 1001
    (bottom,) = (one for one in inputs if one.path.endswith("bottom.txt"))
    assert len(bottom.path) > os.pathconf(tree, "PC_PATH_MAX")
    (record,) = read_file(tree, bottom.path, scanned=bottom)
    assert isinstance(record, Record)
    assert n_open() == n_before


def test_a_path_without_end_is_one_row_with_its_mend(tree: Path) -> None:
    tree.mkdir()
    deep(tree, "n" * 255, 200)
    *found, last = scan(tree)
    (refused,) = (one for one in (*found, last) if isinstance(one, Rejection))
    assert refused.reason is Reason.TOO_DEEP
    assert refused.message.endswith("Move it up.")


@pytest.mark.parametrize("path", ["../z.txt", "a/../z.txt", "/etc/passwd", "a//two.txt", "./z.txt", "", "a/b/.."])
def test_a_path_that_no_listing_gives_is_not_followed(raw: Path, path: str) -> None:
    (outcome,) = read_file(raw, path)
    assert isinstance(outcome, Rejection)


@pytest.mark.parametrize("how", ["removed", "replaced", "emptied"])
def test_a_raw_folder_that_goes_away_costs_a_row_a_file(raw: Path, how: str) -> None:
    scanned = [one for one in scan(raw) if isinstance(one, RawInput)]
    shutil.rmtree(raw)
    if how == "replaced":
        raw.symlink_to(raw.parent / "outside")
    elif how == "emptied":
        raw.mkdir()
    for one in scanned:
        (outcome,) = read_file(raw, one.path, scanned=one)
        assert isinstance(outcome, Rejection)
        assert outcome.reason is Reason.FILE_CHANGED
    if how == "emptied":
        with pytest.raises(RawFolderError, match="holds no files"):
            list(scan(raw))


def test_odd_things_are_a_row_each(raw: Path) -> None:
    os.mkfifo(raw / "pipe\n.txt")
    (raw / ("n" * 251 + ".txt")).write_text(TEXT)
    (raw / "loop").symlink_to("loop")
    (raw / "up").symlink_to("..")
    devices = ("zero", stat.S_IFCHR | 0o644, os.makedev(1, 5))
    try:
        os.mknod(raw / devices[0], *devices[1:])
    except PermissionError:
        devices = ("", 0, 0)
    found = {one.path: one for one in scan(raw)}
    assert len(found) == 7 + bool(devices[0])
    assert getattr(found["pipe\n.txt"], "reason", None) is Reason.NOT_A_REGULAR_FILE
    assert [getattr(found[name], "reason", None) for name in ("loop", "up")] == ["symbolic link"] * 2
    if devices[0]:
        assert getattr(found["zero"], "reason", None) is Reason.NOT_A_REGULAR_FILE


def test_a_copy_is_read_under_the_name_of_the_file(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies" / "0").write_text("A copy 副本")
    (scanned,) = (one for one in scan(raw) if isinstance(one, RawInput) and one.path == "z.txt")
    other = replace(scanned, sha256="0" * 64)
    (record,) = read_file(raw, "z.txt", scanned=other, copy=tmp_path / "copies" / "0")
    assert isinstance(record, Record)
    assert (record.path, record.content.decode()) == ("z.txt", "A copy 副本")
