"""Archives as people make them, and as they get hurt on the way: every member is read or has a row that names it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import shutil
import struct
import subprocess
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.store.snapshots import open_snapshot
from proofs.attacks.kit import Attack, Ground, command, story, unlike

Files = dict[str, bytes]
_KIND = "archives"
_PAGE = (
    "<!doctype html><title>Report {n}</title><nav><a href=/>Home</a> | <a href=/n>新闻</a></nav><h1>Report {n}</h1>"
    "{text}<footer>Copyright 版权所有 example.org</footer>"
)
_LITTER: Mapping[str, bytes] = {
    "__MACOSX/._a.txt": b"\0\5\x16\7",
    ".DS_Store": b"\0\0\0\1Bud1",
    "notes/Thumbs.db": b"\xd0\xcf\x11\xe0",
    "~$draft.docx": b"x",
    "@eaDir/a.txt": b"x",
    ".git/HEAD": b"ref: refs/heads/main\n",
}


def _tree(number: int) -> Files:
    """A folder of its own for each number, in both scripts and several formats."""
    texts = [story(number * 10 + n) for n in range(4)]
    page = _PAGE.format(n=number, text="".join(f"<p>{line}</p>" for line in texts[1].splitlines()))
    return {
        "a.txt": texts[0].encode(),
        "www.example.org/政策/一.html": page.encode("gb18030"),
        "notes/二.md": f"# {number}\n\n{texts[2]}".encode(),
        "deep/" * 15 + "three.txt": texts[3].encode(),
    }


def _tarred(files: Mapping[str, bytes], spell: Callable[[str], str] = str, form: int = tarfile.PAX_FORMAT) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=form) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(spell(name))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return held.getvalue()


def _zipped(
    files: Mapping[str, bytes],
    spell: Callable[[str], str] = str,
    *,
    method: int = zipfile.ZIP_DEFLATED,
    comment: bytes = b"",
    zip64: bool = False,
) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        archive.comment = comment
        for name, content in files.items():
            info = zipfile.ZipInfo(spell(name))
            info.compress_type = method
            with archive.open(info, "w", force_zip64=zip64) as entry:
                entry.write(content)
    return held.getvalue()


def _gbk_names(files: Files) -> bytes:
    """As Chinese Windows names them: no flag, and bytes of GBK."""
    plain = {name: name.encode("gbk").hex().encode() for name in files}
    content = _zipped({plain[name].decode(): content for name, content in files.items()}, method=zipfile.ZIP_STORED)
    for name, spelt in sorted(plain.items(), key=lambda pair: -len(pair[1])):  # one may be the end of another
        content = content.replace(spelt, name.encode("gbk").replace(b"/", b"\\").rjust(len(spelt), b"\\"))
    return content


def _swap(name: str) -> str:
    return name.replace("/", "\\")


#: How the library packs a tree. Each name is the archive's.
_PACKED: Mapping[str, Callable[[Files], bytes]] = {
    "dot.tar": lambda files: _tarred(files, "./{}".format),
    "absolute.tar": lambda files: _tarred(files, "/srv/{}".format),
    "doubled.tar": lambda files: _tarred(files, lambda name: name.replace("/", "//")),
    "inner-climb.tar": lambda files: _tarred(files, "a/../{}".format),
    "long.tar": lambda files: _tarred(files, ("x" * 90 + "/{}").format, tarfile.GNU_FORMAT),
    "a.tar.gz": lambda files: gzip.compress(_tarred(files)),
    "zeros.tgz": lambda files: gzip.compress(_tarred(files)) + bytes(5000),
    "members.tar.gz": lambda files: b"".join(gzip.compress(_tarred({name: one})) for name, one in files.items()),
    "a.tar.bz2": lambda files: bz2.compress(_tarred(files)),
    "a.tar.xz": lambda files: lzma.compress(_tarred(files)),
    "a.tar.zst": lambda files: pa.Codec("zstd").compress(_tarred(files), asbytes=True),
    "joined.tar": lambda files: b"".join(_tarred({name: one}) for name, one in files.items()),
    "tars.tar": lambda files: _tarred({"./inner.tar": _tarred(files, "./{}".format)}),
    "zip-in.tar.gz": lambda files: gzip.compress(_tarred({"inner.zip": _zipped(files)})),
    "tar-in.zip": lambda files: _zipped({"inner.tar": _tarred(files, "./{}".format)}),
    "a.zip": _zipped,
    "stored.zip": lambda files: _zipped(files, method=zipfile.ZIP_STORED),
    "lzma.zip": lambda files: _zipped(files, method=zipfile.ZIP_LZMA),
    "dot.zip": lambda files: _zipped(files, "./{}".format),
    "windows.zip": lambda files: _zipped(files, lambda name: f"C:\\data\\{_swap(name)}"),
    "share.zip": lambda files: _zipped(files, lambda name: f"\\\\server\\share\\{_swap(name)}"),
    "gbk.zip": _gbk_names,
    "zip64.zip": lambda files: _zipped(files, zip64=True),
    "joined.zip": lambda files: b"".join(_zipped({name: one}) for name, one in files.items()),
    "sfx.zip": lambda files: b"MZ\x90\0 a program" * 400 + _zipped(files),
    "appended.zip": lambda files: _zipped(files) + b"something behind it" * 50,
    "two-ends.zip": lambda files: _zipped(files, comment=struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0)),
    "lying-end.zip": lambda files: _zipped(files, comment=struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 3, 3, 99, 9, 0)),
    "in-comment.zip": lambda files: _zipped(
        dict(list(files.items())[:2]), comment=_zipped(dict(list(files.items())[2:]))
    ),
}
#: How commands pack a folder: they are run inside of it.
_COMMANDS: Mapping[str, Sequence[str]] = {
    "dot.tar": ["tar", "cf", "{to}", "."],
    "absolute.tar": ["tar", "cPf", "{to}", "{here}"],
    "v7.tar.gz": ["tar", "czf", "{to}", "--format=ustar", "."],
    "a.tar.xz": ["tar", "cJf", "{to}", "."],
    "appended.tar": ["sh", "-c", "tar cf {to} a.txt && tar rf {to} ./notes ./deep && tar rf {to} ./www.example.org"],
    "a.zip": ["zip", "-qr", "{to}", "."],
    "stored.zip": ["zip", "-q0r", "{to}", "."],
    "streamed.zip": ["sh", "-c", "zip -qr - . | cat > {to}"],
    "commented.zip": ["sh", "-c", "zip -qr {to} . && echo 'PK 说明 of the archive' | zip -qz {to}"],
}


def _lay_out(files: Mapping[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def _same(ground: Ground, packed: Mapping[str, bytes], loose: Mapping[str, Files]) -> str:
    """Run over archives and over the same files loose; what differs in text, labels or site. Litter is in each."""
    _lay_out(packed, ground.folder / "packed")
    for number, (name, files) in enumerate(loose.items()):
        _lay_out({**files, **_LITTER}, ground.folder / "loose" / f"{number}-{name.replace('.', '-')}")
    found = []
    for raw in ("packed", "loose"):
        done = command("winnow", "run", ground.folder / raw, ground.folder / f"out-{raw}", cwd=ground.folder)
        if problem := unlike(done, 0):
            return f"{raw}: {problem}"
        found.append(_documents(ground.folder / f"out-{raw}"))
    if found[0] != found[1]:
        lost, made = found[1] - found[0], found[0] - found[1]
        return f"{lost.total()} documents differ or are lost: {str(next(iter(lost or made)))[:300]}"
    skipped = {one["path"]: one for one in _rows(ground.folder / "out-packed", "inputs")}
    for name in packed:
        named = {re.split(r"[/:\\]", one["member"])[-1] for one in skipped[name]["skipped"]}
        if skipped[name]["n_skipped"] != len(_LITTER) or not {".DS_Store", "Thumbs.db"} <= named:
            return f"{name}: litter is not skipped by name: {skipped[name]}"
    return ""


def _rows(out: Path, dataset: str) -> list[dict[str, Any]]:
    return list(open_snapshot(out).table(dataset).to_pylist())


def _documents(out: Path) -> Counter[tuple[object, ...]]:
    """Text, site, language and the labels of the blocks of every document."""
    labels: dict[object, list[object]] = {}
    for one in _rows(out, "blocks"):
        labels.setdefault(one["doc_id"], []).append((one["text"], one["label"], one["decided_by"]))
    return Counter(
        (one["text"], one["site"], one["lang"], tuple(labels.get(one["doc_id"], ()))) for one in _rows(out, "documents")
    )


def library(ground: Ground) -> str:
    """Every way in which the standard library packs a tree: members are read as the files are."""
    trees = {name: _tree(number) for number, name in enumerate(_PACKED)}
    return _same(ground, {name: pack({**trees[name], **_LITTER}) for name, pack in _PACKED.items()}, trees)


def commands(ground: Ground) -> str:
    """Every way in which the commands ``tar`` and ``zip`` do, those of them that are here."""
    packed, trees = {}, {}
    for number, (name, words) in enumerate(_COMMANDS.items()):
        if not shutil.which("zip") and "zip" in " ".join(words):
            continue
        here, to = ground.folder / "made" / str(number), ground.folder / name
        _lay_out({**_tree(number + 50), **_LITTER}, here)
        if name == "appended.tar":
            shutil.copy(here / ".DS_Store", here / "deep" / ".DS_Store")
        words = [word.format(to=to, here=here) for word in words]
        subprocess.run(words, cwd=here, check=True, capture_output=True)
        packed[name], trees[name] = to.read_bytes(), _tree(number + 50)
    packed.pop("appended.tar", None)  # it has other litter
    trees.pop("appended.tar", None)
    return _same(ground, packed, trees)


def cut(ground: Ground) -> str:
    """A download that broke off anywhere: what is whole is read, and a row of quarantine names the archive."""
    raw = ground.folder / "raw"
    whole: dict[str, int] = {}
    for number in range(12):
        tree = _tree(number + 100)
        content = _zipped(tree, method=ground.rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
        at = ground.rng.randrange(40, len(content) - 1)
        starts = [info.header_offset for info in zipfile.ZipFile(io.BytesIO(content)).infolist()]
        _lay_out({f"{number}.zip": content[:at]}, raw)
        whole[f"{number}.zip"] = sum(start <= at for start in starts[1:])
        content = _tarred(tree)
        at = ground.rng.randrange(600, len(content.rstrip(b"\0")))
        _lay_out({f"{number}.tar": content[:at]}, raw)
        whole[f"{number}.tar"] = 0
    done = command("winnow", "run", raw, ground.folder / "out", cwd=ground.folder)
    if problem := unlike(done, 0):
        return problem
    for one in _rows(ground.folder / "out", "inputs"):
        n_read = int(str(one["n_documents"])) + int(str(one["n_duplicates"]))
        if n_read < whole[str(one["path"])] or not one["n_quarantined"]:
            return f"{one['path']}: {n_read} of {whole[str(one['path'])]} whole members are read: {one}"
    return ""


def escape(ground: Ground) -> str:
    """Names that climb out are rows of quarantine, and nothing is written but in the output folder."""
    names = ["../up.txt", "a/../../up.txt", "..\\up.txt", "C:\\..\\..\\up.txt", "/../up.txt"]
    raw = ground.folder / "in" / "raw"
    good = {"good.txt": story(1).encode()}
    _lay_out({"a.tar": _tarred({**dict.fromkeys(names, b"pwned"), **good})}, raw)
    _lay_out({"a.zip": _zipped({**dict.fromkeys(names, b"pwned"), "good.txt": story(2).encode()})}, raw)
    done = command("winnow", "run", raw, ground.folder / "in" / "out", cwd=ground.folder / "in")
    if problem := unlike(done, 0):
        return problem
    there = sorted(path.name for path in [*ground.folder.iterdir(), *(ground.folder / "in").iterdir()])
    if there != ["in", "out", "raw"]:
        return f"something was written: {there}"
    rows = Counter(one["reason"] for one in _rows(ground.folder / "in" / "out", "quarantine"))
    n_documents = len(_rows(ground.folder / "in" / "out", "documents"))
    return "" if rows == {"unsafe_name": 10} and n_documents == 2 else f"{rows}, {n_documents} documents"


def hurt(ground: Ground) -> str:
    """Random bytes of archives changed: the run ends well and each archive has a row, or all its documents."""
    raw = ground.folder / "raw"
    packers = [one for name, one in _PACKED.items() if "-in." not in name]
    for number in range(60):
        tree = _tree(number + 200)
        name, pack = ground.rng.choice([(name, one) for name, one in _PACKED.items() if one in packers])
        content = bytearray(pack(tree))
        for _ in range(ground.rng.randint(1, 8)):
            content[ground.rng.randrange(len(content))] = ground.rng.randrange(256)
        _lay_out({f"{number:03d}-{name}": bytes(content)}, raw)
    done = command("winnow", "run", raw, ground.folder / "out", cwd=ground.folder, seconds=600)
    if problem := unlike(done, 0):
        return problem
    for one in _rows(ground.folder / "out", "inputs"):
        n_named = int(str(one["n_quarantined"])) + int(str(one["n_skipped"]))
        n_read = int(str(one["n_documents"])) + int(str(one["n_duplicates"]))
        if n_read < 4 and not n_named:
            return f"{one['path']}: {n_read} of 4 members are read, and no row says why"
    return ""


ATTACKS: Sequence[Attack] = (
    Attack(_KIND, "as the library packs them", library),
    Attack(_KIND, "as tar and zip pack them", commands, quick=False),
    Attack(_KIND, "downloads that broke off", cut, quick=False),
    Attack(_KIND, "names that climb out", escape, quick=False),
    Attack(_KIND, "bytes changed", hurt, quick=False),
)
