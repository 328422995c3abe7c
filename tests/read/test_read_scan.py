"""The raw tree: every file in path order, hashed, or the reason why not."""

from __future__ import annotations

import hashlib
import os
import random
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import RawFolderError, Reason, Rejection, Skipped
from pipeline.read import read_file
from pipeline.read import scan as rawfile
from pipeline.read import scan as scanning
from pipeline.read.limits import skip
from pipeline.read.scan import RawFolder, hash_file, scan
from pipeline.types import RawInput, Record


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"text of {name} 的正文")


def test_files_come_with_size_time_and_hash(tmp_path: Path) -> None:
    fill(tmp_path, "碳/通知.txt")
    (found,) = scan(tmp_path)
    content = (tmp_path / "碳/通知.txt").read_bytes()
    status = (tmp_path / "碳/通知.txt").stat()
    stamps = {"ctime_ns": status.st_ctime_ns, "inode": status.st_ino}
    sha256 = hashlib.sha256(content).hexdigest()
    assert found == RawInput("碳/通知.txt", len(content), status.st_mtime_ns, sha256, **stamps)


NAMES = st.sets(
    st.lists(st.text(alphabet="ab.-~é碳\\ 0", min_size=1, max_size=4), min_size=1, max_size=3).map("/".join),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(NAMES, st.randoms(use_true_random=False))
def test_order_is_that_of_the_path_bytes_whatever_the_file_system_gives(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], rng: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("raw")
    for name in names:
        if any(part in {".", ".."} for part in name.split("/")):
            continue
        try:
            fill(folder, name)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue
    (folder / "z").write_text("z")
    plain = list(scan(folder))
    paths = [found.path for found in plain]
    assert paths == sorted(set(paths), key=str.encode)
    scandir = os.scandir

    class Shuffled:
        def __init__(self, path: int) -> None:
            with scandir(path) as entries:
                self.entries = list(entries)
            rng.shuffle(self.entries)

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None: ...

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rawfile.os, "scandir", Shuffled)
        assert list(scan(folder)) == plain


def test_hidden_and_temporary_names_are_skipped_a_folder_as_one(tmp_path: Path) -> None:
    fill(tmp_path, ".hidden.txt", ".git/a", ".git/b/c", "a.txt~", "b.tmp", "c.part", "d/Thumbs.db", "__MACOSX/x.txt")
    fill(tmp_path, "_underscore.txt", "tmp.txt", "part/one.txt", "..%2fetc.txt")
    found = list(scan(tmp_path))
    assert {(f.path, f.message) for f in found if isinstance(f, Skipped)} == {
        (".hidden.txt", "hidden"),
        (".git/", "hidden"),
        ("a.txt~", "temporary"),
        ("b.tmp", "temporary"),
        ("c.part", "temporary"),
        ("d/Thumbs.db", "temporary"),
        ("__MACOSX/", "temporary"),
    }
    assert [f.path for f in found if isinstance(f, RawInput)] == [
        "..%2fetc.txt",
        "_underscore.txt",
        "part/one.txt",
        "tmp.txt",
    ]


def test_only_regular_files_are_opened_and_links_are_not_followed(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    fill(raw, "real.txt")
    fill(tmp_path, "outside/secret.txt")
    (raw / "folder_link").symlink_to(tmp_path / "outside")
    (raw / "loop").symlink_to(raw)
    (raw / "link.txt").symlink_to("real.txt")
    os.mkfifo(raw / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(raw / "socket.txt"))
    found = list(scan(raw))
    rejected = {f.path: f.reason for f in found if isinstance(f, Rejection)}
    assert rejected == {"pipe.txt": Reason.NOT_A_REGULAR_FILE, "socket.txt": Reason.NOT_A_REGULAR_FILE}
    skipped = {f.path: f.message for f in found if isinstance(f, Skipped)}
    assert skipped == dict.fromkeys(["folder_link", "loop", "link.txt"], "symbolic link")
    assert [f.path for f in found if isinstance(f, RawInput)] == ["real.txt"]


def test_any_name_that_is_scanned_can_be_read(tmp_path: Path) -> None:
    names = [
        os.fsdecode("政策通报.txt".encode("gbk")),
        "back\\slash.txt",
        "a\nb.txt",
        "\x1b[2J.txt",
        "é.txt",
        "e\u0301.txt",
        "n" * 251 + ".txt",
        "-rf --help.txt",
    ]
    for name in names:
        (tmp_path / name).write_text(repr(name))
    found = list(scan(tmp_path))
    assert len(found) == len(names)
    for one in found:
        assert isinstance(one, RawInput)
        one.path.encode("utf-8")
        (outcome,) = read_file(tmp_path, one.path)
        assert isinstance(outcome, Record)


def test_a_known_file_is_not_read_again_unless_size_or_time_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "a.txt", "b.txt")
    first = {f.path: f for f in scan(tmp_path) if isinstance(f, RawInput)}
    (tmp_path / "b.txt").write_text("other text")
    hashed = []

    def note(raw: RawFolder, path: str) -> RawInput | Rejection:
        hashed.append(path)
        return hash_file(raw, path)

    monkeypatch.setattr(scanning, "hash_file", note)
    again = list(scan(tmp_path, first))
    assert hashed == ["b.txt"]
    assert again[0] == first["a.txt"]
    assert again == list(scan(tmp_path))


def test_a_huge_file_is_rejected_unread(tmp_path: Path) -> None:
    with (tmp_path / "sparse.txt").open("wb") as file:
        file.truncate(5 << 40)
    (found,) = scan(tmp_path)
    assert isinstance(found, Rejection)
    assert found.reason is Reason.TOO_LARGE


def test_a_file_that_changes_while_it_is_hashed_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, "a.txt")
    plain = scanning.hashlib.sha256

    def meddle() -> object:
        with (tmp_path / "a.txt").open("a") as file:
            file.write("more")
        return plain()

    monkeypatch.setattr(scanning.hashlib, "sha256", meddle)
    with RawFolder(tmp_path) as folder:
        found = hash_file(folder, "a.txt")
    assert isinstance(found, Rejection)
    assert found.reason is Reason.FILE_CHANGED


def test_a_folder_that_cannot_be_listed_is_rejected_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "a/x.txt", "b/x.txt")
    names = RawFolder.names

    def refuse(self: RawFolder, folder: str) -> list[str]:
        if folder == "a/":
            raise PermissionError(13, "Permission denied")
        return names(self, folder)

    monkeypatch.setattr(RawFolder, "names", refuse)
    refused, found = scan(tmp_path)
    assert isinstance(refused, Rejection)
    assert (refused.path, refused.reason) == ("a/", Reason.UNREADABLE)
    assert found.path == "b/x.txt"


@pytest.mark.parametrize("what", ["missing", "file", "empty", "folders only"])
def test_a_raw_folder_without_files_stops_the_run_with_the_mend(tmp_path: Path, what: str) -> None:
    raw = tmp_path / "raw\x1b"
    if what == "file":
        raw.write_text("x")
    elif what != "missing":
        (raw / "sub" / "sub" if what == "folders only" else raw).mkdir(parents=True)
    with pytest.raises(RawFolderError) as caught:
        list(scan(raw))
    assert caught.value.mend
    assert str(caught.value).isprintable()


def test_a_raw_folder_with_nothing_but_skipped_files_is_a_run_without_documents(tmp_path: Path) -> None:
    fill(tmp_path, ".gitkeep")
    assert list(scan(tmp_path)) == [skip(".gitkeep", None, "hidden", stage="scan")]
