"""An archive's members are read as the same files are that lie in a folder, however people packed them."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import shutil
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.boilerplate.rules import load_rules
from pipeline.errors import Reason, Rejection, Skipped
from pipeline.read import read_file
from pipeline.read.archives import entry_name
from pipeline.read.scan import scan
from pipeline.recipe import Cleaned, Finished, clean_record, finish_record
from pipeline.types import RawInput, Record

Files = Mapping[str, bytes]
ENGLISH = "The carbon market opened on Monday.\n\nPrices rose by two per cent.\n"
CHINESE = "全国碳市场周一开市。\n\n价格上涨百分之二。\n"
PAGE = f"""<!doctype html><html><head><title>Carbon 碳</title></head><body><nav><a href="/">Home</a> <a href="/n">新闻</a></nav>
<h1>Carbon 碳市场</h1><p>{ENGLISH * 3}</p><p>{CHINESE * 3}</p><footer>版权所有 Copyright example.org</footer></body></html>"""
TREE: Files = {
    "a.txt": ENGLISH.encode(),
    "www.example.org/新闻/一.html": PAGE.encode(),
    "www.example.org/gbk.html": PAGE.encode("gb18030"),
    "rows.jsonl": "".join(json.dumps({"text": text}) + "\n" for text in (ENGLISH, CHINESE)).encode(),
    "notes/二.md": f"# 碳市场\n\n{CHINESE}\n\n## Prices\n\n{ENGLISH}".encode(),
    "deep/" * 20 + "three.txt": (CHINESE + ENGLISH).encode(),
    ("长" * 60 + "/") * 2 + "long.txt": CHINESE.encode(),
    "packed.txt.gz": gzip.compress(CHINESE.encode()),
}
LITTER: Files = {
    "__MACOSX/._a.txt": b"\0\5\x16\7",
    ".DS_Store": b"\0\0\0\1Bud1",
    "b/._two.txt": b"\0\5\x16\7",
    "Thumbs.db": b"\xd0\xcf\x11\xe0",
    "b/desktop.ini": b"[x]",
    "~$report.docx": b"x",
    "@eaDir/a.txt": b"x",
    ".git/HEAD": b"ref: refs/heads/main\n",
    "$RECYCLE.BIN/a.txt": b"x",
}


def tarred(files: Files, *, spell: Callable[[str], str] = str, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar as ``tar`` makes it: folders are entries as well."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=form) as archive:
        folders = {str(parent) for name in files for parent in Path(name).parents}
        for folder in sorted(folders):
            entry = tarfile.TarInfo(spell("" if folder == "." else folder) + "/")
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(spell(name))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return held.getvalue()


class Pipe(io.RawIOBase):
    """Where a zip is streamed to: nothing can be gone back to, so that sizes come behind the entries."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.data += bytes(data)  # type: ignore[call-overload]
        return len(bytes(data))  # type: ignore[call-overload]


def zipped(
    files: Files,
    *,
    spell: Callable[[str], str] = str,
    method: int = zipfile.ZIP_DEFLATED,
    streamed: bool = False,
    force_zip64: bool = False,
    comment: bytes = b"",
) -> bytes:
    held = Pipe() if streamed else io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:  # type: ignore[arg-type]
        for name, content in files.items():
            info = zipfile.ZipInfo(spell(name))
            info.compress_type = method
            with archive.open(info, "w", force_zip64=force_zip64) as entry:
                entry.write(content)
        archive.comment = comment
    return bytes(held.data) if isinstance(held, Pipe) else held.getvalue()


def zstd(content: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


def records(folder: Path, *, of: str | None = None) -> dict[str, Record]:
    """The records of a folder by path (and number), or of the one archive in it by member; all else has a name."""
    found: dict[str, Record] = {}
    for one in scan(folder):
        if not isinstance(one, RawInput):
            assert of is None
            continue
        for outcome in read_file(folder, one.path):
            if isinstance(outcome, Record):
                name = outcome.member if of else ":".join(filter(None, (outcome.path, outcome.member)))
                assert name is not None
                assert name not in found
                found[name] = replace(outcome, path="", member=None)
            else:
                assert not of or outcome.member is not None, outcome
    return found


def lay_out(files: Files, folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def archived(content: bytes, name: str, folder: Path) -> dict[str, Record]:
    lay_out({name: content}, folder)
    return records(folder, of=name)


def outcomes(content: bytes, name: str, folder: Path) -> dict[str | None, object]:
    """By member: the text, the reason of a rejection, why it was skipped."""
    lay_out({name: content}, folder)
    found: dict[str | None, object] = {}
    for one in read_file(folder, name):
        assert one.member not in found
        found[one.member] = one.content.decode("utf-8", "replace") if isinstance(one, Record) else one.reason
    return found


PACKERS: Mapping[str, Callable[[Files], bytes]] = {
    "gnu.tar": lambda files: tarred(files, form=tarfile.GNU_FORMAT),
    "pax.tar": tarred,
    "dot.tar": lambda files: tarred(files, spell=lambda name: f"./{name}"),
    "absolute.tar": lambda files: tarred(files, spell=lambda name: f"/{name}"),
    "doubled.tar": lambda files: tarred(files, spell=lambda name: name.replace("/", "//")),
    "climbing.tar": lambda files: tarred(files, spell=lambda name: f"x/.././{name}"),
    "a.tar.gz": lambda files: gzip.compress(tarred(files)),
    "a.tgz": lambda files: gzip.compress(tarred(files)) + bytes(3000),
    "a.tar.bz2": lambda files: bz2.compress(tarred(files)),
    "a.tar.xz": lambda files: lzma.compress(tarred(files)),
    "a.tar.zst": lambda files: zstd(tarred(files)),
    "concatenated.tar": lambda files: b"".join(tarred({name: content}) for name, content in files.items()),
    "concatenated.tar.gz": lambda files: b"".join(gzip.compress(tarred({name: c})) for name, c in files.items()),
    "a.zip": zipped,
    "stored.zip": lambda files: zipped(files, method=zipfile.ZIP_STORED),
    "bzip2.zip": lambda files: zipped(files, method=zipfile.ZIP_BZIP2),
    "lzma.zip": lambda files: zipped(files, method=zipfile.ZIP_LZMA),
    "dot.zip": lambda files: zipped(files, spell=lambda name: f"./{name}"),
    "windows.zip": lambda files: zipped(files, spell=lambda name: "C:\\" + name.replace("/", "\\")),
    "share.zip": lambda files: zipped(files, spell=lambda name: "\\\\" + name.replace("/", "\\")),
    "long.zip": lambda files: zipped(files, spell=lambda name: "\\\\?\\D:\\" + name.replace("/", "\\")),
    "streamed.zip": lambda files: zipped(files, streamed=True),
    "streamed64.zip": lambda files: zipped(files, streamed=True, force_zip64=True),
    "zip64.zip": lambda files: zipped(files, force_zip64=True),
    "self-extracting.zip": lambda files: b"MZ\x90\0 program " * 300 + zipped(files),
    "appended.zip": lambda files: zipped(files) + b"and something behind it" * 20,
    "commented.zip": lambda files: zipped(files, comment="说明 PK\5\6 of the archive".encode()),
    "two ends.zip": lambda files: zipped(files, comment=struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0)),
    "two lying ends.zip": lambda files: zipped(files, comment=struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 80, 4, 0)),
    "one behind the other.zip": lambda files: b"".join(zipped({name: content}) for name, content in files.items()),
}


@pytest.mark.parametrize("name", PACKERS)
def test_members_are_read_as_the_same_files_are(tmp_path: Path, name: str) -> None:
    loose = records(lay_out({**TREE, **LITTER}, tmp_path / "loose"))
    assert len(loose) == len(TREE) + 1
    assert archived(PACKERS[name]({**TREE, **LITTER}), name, tmp_path / "archive") == loose


@pytest.mark.parametrize("name", PACKERS)
def test_litter_is_skipped_one_by_one_and_by_name(tmp_path: Path, name: str) -> None:
    lay_out({name: PACKERS[name]({**TREE, **LITTER})}, tmp_path)
    skipped = {one.member: one.message for one in read_file(tmp_path, name) if isinstance(one, Skipped)}
    assert set(skipped) == set(LITTER)
    assert set(skipped.values()) == {"hidden", "temporary"}


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.zip", lambda files: zipped({"inner.tar.gz": gzip.compress(tarred(files))})),
        ("a.tar", lambda files: tarred({"./inner.tar": tarred(files, spell=lambda one: f"./{one}")})),
        ("a.tgz", lambda files: gzip.compress(tarred({"inner.zip": zipped(files)}))),
        ("a.zip", lambda files: zipped({"inner.zip": zipped(files, streamed=True)}, method=zipfile.ZIP_STORED)),
    ],
)
def test_so_are_those_of_an_archive_in_an_archive(tmp_path: Path, name: str, pack: Callable[[Files], bytes]) -> None:
    found = archived(pack(TREE), name, tmp_path / "archive")
    loose = records(lay_out(TREE, tmp_path / "loose"))
    assert {member.partition(":")[2]: record for member, record in found.items()} == loose


def test_the_documents_are_the_same_in_text_labels_and_site(tmp_path: Path) -> None:
    rules = load_rules()

    def documents(found: Mapping[str, Record], place: Callable[[str, Record], Record]) -> dict[str, object]:
        made = {}
        for name, record in found.items():
            cleaned = clean_record(place(name, record), rules=rules)
            assert isinstance(cleaned, Cleaned)
            done = finish_record(cleaned, template_hits=[None] * len(cleaned.keys))
            assert isinstance(done, Finished)
            made[name] = (done.text, done.decisions, cleaned.site, cleaned.extracted.blocks)
        return made

    loose = documents(
        records(lay_out(TREE, tmp_path / "loose")), lambda name, one: replace(one, path=name.partition(":")[0])
    )
    for name in ("dot.tar", "windows.zip"):
        found = archived(PACKERS[name](TREE), name, tmp_path / name)
        assert documents(found, lambda member, one: replace(one, path="a.zip", member=member)) == loose


NAMES = st.lists(st.text("ab-~é碳政.策 0", min_size=1, max_size=5), min_size=1, max_size=3).map("/".join)
TEXTS = st.text("abc 碳市场。\n", min_size=1, max_size=40).filter(lambda text: bool(text.strip())).map(str.encode)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(NAMES, TEXTS, min_size=1, max_size=6),
    st.sampled_from(sorted(PACKERS)),
)
def test_whatever_the_files_are_called(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], name: str
) -> None:
    files = {
        one: content
        for one, content in files.items()
        if not {".", ".."} & set(one.split("/")) and not any(other.startswith(f"{one}/") for other in files)
    }
    if not files:
        return
    folder = tmp_path_factory.mktemp("as-packed")
    loose = records(lay_out(files, folder / "loose"))
    assert archived(PACKERS[name](files), name, folder / "archive") == loose


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"./a.txt", "a.txt"),
        (b"a//b///c.txt", "a/b/c.txt"),
        (b"/abs/a.txt", "abs/a.txt"),
        (b"//host/share/a.txt", "host/share/a.txt"),
        (b"C:\\dir\\a.txt", "dir/a.txt"),
        (b"c:/a.txt", "a.txt"),
        (b"\\\\?\\UNC\\host\\a.txt", "host/a.txt"),
        (b"\\\\?\\C:\\dir\\a.txt", "dir/a.txt"),
        (b"a/../b.txt", "b.txt"),
        (b"a/./b.txt", "a/b.txt"),
        (b"..a/b..txt", "..a/b..txt"),
        (b"q: what is it?.txt", "q: what is it?.txt"),
        (b".", ""),
        (b"./", ""),
        (b"", ""),
        ("政策\\通知.txt".encode("gbk"), "政策/通知.txt"),
        ("规\\朶.txt".encode("gbk"), "规/朶.txt"),  # the second byte of the latter is a backslash
        ("政策.txt".encode(), "政策.txt"),
        ("résumé déjà.txt".encode("cp437"), "résumé déjà.txt"),
    ],
)
def test_a_name_has_one_form(raw: bytes, name: str) -> None:
    assert (entry_name(raw).text, entry_name(raw).escapes) == (name, False)


@pytest.mark.parametrize("raw", [b"..", b"../a", b"a/../../b", b"/../a", b"C:\\..\\a", b"..\\..\\a", b"./../a"])
def test_only_a_name_that_climbs_out_escapes(raw: bytes) -> None:
    assert entry_name(raw).escapes


def test_the_name_in_a_unicode_path_field_counts_if_it_belongs_to_the_name(tmp_path: Path) -> None:
    def field(of: bytes, name: str) -> bytes:
        content = struct.pack("<BL", 1, zlib.crc32(of)) + name.encode()
        return struct.pack("<2H", 0x7075, len(content)) + content

    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, extra in (("a.txt", field(b"a.txt", "政策.txt")), ("b.txt", field(b"other", "旧.txt"))):
            entry = zipfile.ZipInfo(name)
            entry.extra = extra
            archive.writestr(entry, f"{name} {CHINESE}")
    assert list(outcomes(held.getvalue(), "a.zip", tmp_path)) == ["政策.txt", "b.txt"]


def test_folders_are_no_members_and_files_with_a_folders_name_are(tmp_path: Path) -> None:
    content = zipped({"./": b"", "folder/": b"", "dir\\": b"", "odd.txt/": CHINESE.encode()})
    assert outcomes(content, "a.zip", tmp_path) == {"odd.txt": CHINESE}
    entry = tarfile.TarInfo("odd.txt/")
    entry.size = len(CHINESE.encode())
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        archive.addfile(entry, io.BytesIO(CHINESE.encode()))
        archive.addfile(tarfile.TarInfo("empty/"))
        archive.addfile(tarfile.TarInfo("."))
    assert outcomes(held.getvalue(), "a.tar", tmp_path)["odd.txt"] == CHINESE


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_whose_end_is_missing_gives_what_is_whole_and_says_what_is_lost(
    tmp_path: Path, method: int, streamed: bool
) -> None:
    files = {f"{n}.txt": f"{n} {CHINESE * 9}".encode() for n in range(4)}
    content = zipped(files, method=method, streamed=streamed)
    directory = content.index(b"PK\1\2")
    for cut in (len(content) - 1, directory + 10, directory, directory - 20, content.index(b"PK\3\4", 40) + 60):
        found = outcomes(content[:cut], "a.zip", tmp_path)
        assert found.pop(None) is Reason.BROKEN_CONTAINER
        assert found["0.txt"] == files["0.txt"].decode()
        assert all(
            files[str(name)].decode("utf-8", "replace").startswith(str(text)[:-1]) for name, text in found.items()
        )
        assert len(found) == (4 if cut >= directory - 20 else 2)
    lay_out({"a.zip": content[: directory - 20]}, tmp_path)
    (last,) = (one for one in read_file(tmp_path, "a.zip") if one.member == "3.txt")
    assert isinstance(last, Record)
    assert last.flags == ("truncated",)


def test_signatures_without_entries_cost_a_bounded_search(tmp_path: Path) -> None:
    for junk in (b"PK\3\4" * 200_000, b"PK\5\6" * 30_000, (b"PK\3\4" + bytes(26)) * 20_000):
        assert outcomes(junk, "a.zip", tmp_path)[None] in {Reason.BROKEN_CONTAINER, Reason.TOO_LARGE}


def test_what_lies_between_the_ends_of_tars_is_said_where_a_member_may_be_lost(tmp_path: Path) -> None:
    one, two = (tarred({f"{n}.txt": CHINESE.encode()}, form=tarfile.GNU_FORMAT) for n in "12")
    assert outcomes(one + b"padding" * 200, "a.tar", tmp_path) == {"1.txt": CHINESE}
    assert outcomes(gzip.compress(one) + b"padding", "a.tgz", tmp_path) == {"1.txt": CHINESE}
    found = outcomes(one + b"x" * 512 + two, "a.tar", tmp_path)
    assert found == {"1.txt": CHINESE, f"byte {len(one)}": Reason.BROKEN_CONTAINER, "2.txt": CHINESE}


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("../a.tar", ["tar", "cf", "../a.tar", "."]),
        ("../a.tar.gz", ["tar", "czf", "../a.tar.gz", "--format=v7", "a.txt", "notes"]),
        ("../a.tar", ["tar", "cPf", "../a.tar", "{folder}"]),
        ("../a.zip", ["zip", "-qr", "../a.zip", "."]),
        ("../a.zip", ["sh", "-c", "zip -qr - . | cat > ../a.zip"]),
        ("../a.zip", ["sh", "-c", "zip -qr -fz ../a.zip a.txt notes deep"]),
    ],
)
def test_what_the_commands_pack_is_read(tmp_path: Path, name: str, command: list[str]) -> None:
    if not shutil.which(command[0]) or ("zip" in command[-1] and not shutil.which("zip")):
        pytest.skip(f"no {command[0]} here")
    folder = lay_out(TREE, tmp_path / "loose")
    done = subprocess.run([word.replace("{folder}", str(folder)) for word in command], cwd=folder, capture_output=True)
    assert done.returncode == 0, done.stderr
    content = (folder / name).read_bytes()
    prefix = f"{str(folder)[1:]}/" if "{folder}" in command else ""
    found = archived(content, Path(name).name, tmp_path / "archive")
    loose = records(folder)
    wanted = {one for one in loose if command[-1] != "notes" or one.startswith(("a.txt", "notes"))}
    wanted = {one for one in wanted if "deep" not in command[-1] or one.startswith(("a.txt", "notes", "deep"))}
    assert found == {f"{prefix}{one}": loose[one] for one in wanted}


def test_nothing_of_an_archive_is_lost_without_a_name(tmp_path: Path) -> None:
    """Each entry of an archive of odd ones comes to one outcome under its own name."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in ("./.hidden", "../up.txt", "./a.bin", "a.txt", "./a.txt", "a//.cache/x.txt", ""):
            entry = tarfile.TarInfo(name)
            entry.size = len(CHINESE.encode())
            archive.addfile(entry, io.BytesIO(CHINESE.encode()))
    lay_out({"a.tar": held.getvalue()}, tmp_path)
    found = {one.member: type(one) for one in read_file(tmp_path, "a.tar")}
    assert found == {
        ".hidden": Skipped,
        "../up.txt": Rejection,
        "a.bin": Skipped,
        "a.txt": Record,
        "a.txt#2": Record,
        "a/.cache/x.txt": Skipped,
        "(no name)": Record,
    }
