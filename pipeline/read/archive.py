"""What the archive readers have in common: an entry, and the name under which its records go."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from pipeline.errors import Reason
from pipeline.read.outcome import ReadFailure
from pipeline.read.stream import Stream
from pipeline.text_safety import printable

NAME_CHARS = 250  # code points of an entry's name that are kept
#: What makes a name absolute: a drive, a share, the root. "//?/" and "//?/UNC/" are Windows' way to write long ones.
_ROOT = re.compile(r"(?:/{2}[?.]/(?:UNC/)?)?(?:[A-Za-z]:(?=/|$))?/*")


@dataclass(frozen=True, slots=True)
class EntryName:
    """An entry's name in one form."""

    text: str  # parts with "/" between them, none of them "", "." or ".." unless it escapes; "" when there is none
    is_folder: bool  # as the name has it, by a "/" at its end
    escapes: bool  # it would be unpacked outside the archive's folder


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive. Nothing is ever written to disk under its name."""

    name: str  # the text of an ``EntryName``
    open: Callable[[], Stream]  # raises ReadFailure when its bytes cannot be had


class Members:
    """The entries' names as members: each one different from all others."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._number: dict[str, int] = {}

    def name(self, entry: str) -> str:
        r"""Return a name that is printable and new: the second "a.txt" is "a.txt#2".

        A colon is written ``\x3a``: "a.jsonl:3" is the third record of an entry, and no entry's name.
        """
        shown = printable(entry.replace(":", "\\x3a"), limit=NAME_CHARS) or "(no name)"
        number = self._number.get(shown, 1)
        member = shown if number == 1 else f"{shown}#{number}"
        while member in self._taken:
            number += 1
            member = f"{shown}#{number}"
        self._number[shown] = number + 1
        self._taken.add(member)
        return member


def entry_name(raw: bytes, *, encoding: str | None = None) -> EntryName:
    r"""What an archive calls an entry, in one form, however it was packed: "a/b.txt".

    ``./a``, ``a//b``, ``/a``, ``C:\a``, ``\\host\a`` and ``a/x/../b`` are packed by people, and since nothing is written
    under a name they are read under what is left of it. Only one that climbs out of the archive is refused.

    >>> entry_name(rb"C:\\news\\.\\today.txt")
    EntryName(text='news/today.txt', is_folder=False, escapes=False)
    >>> entry_name(b"a/../../etc/passwd").escapes
    True
    """
    text = _decoded(raw, encoding).replace("\\", "/")
    rooted = text[_ROOT.match(text).end() :]  # type: ignore[union-attr]  # it matches nothing, too
    parts: list[str] = []
    for part in rooted.split("/"):
        if part == ".." and not parts:
            return EntryName("/".join(one for one in rooted.split("/") if one not in ("", ".")), False, True)
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return EntryName("/".join(parts), text.endswith(("/", "/.", "/..")) or text in (".", ".."), False)


def _decoded(raw: bytes, encoding: str | None) -> str:
    """A name as text: as it says, else UTF-8, GBK (Chinese Windows), or code page 437."""
    for name in filter(None, (encoding, "utf-8")):
        with suppress(UnicodeDecodeError):
            return raw.decode(name)
    with suppress(UnicodeDecodeError):
        text = raw.decode("gb18030")
        foreign = [one for one in text if not one.isascii()]
        n_common = sum(_is_gb2312(one) for one in foreign)
        if n_common * 2 >= len(foreign):  # an accented letter and what follows it make a rare character
            return text
    return raw.decode("cp437")


def _is_gb2312(character: str) -> bool:
    """Whether a character is one of the 7,445 that GBK's forerunner has, and nearly every Chinese text is made of."""
    try:
        return bool(character.encode("gb2312"))
    except UnicodeEncodeError:
        return False


def refuse(reason: Reason, message: str) -> Callable[[], Stream]:
    """Return what opens an entry that is not to be read."""

    def opener() -> Stream:
        raise ReadFailure(reason, message)

    return opener


ESCAPES: Final = (
    "Its name points outside the archive. Whoever made it may mean harm; if not, pack it again with relative names."
)
NOT_A_FILE: Final = "It is {kind}, and only regular files are read. Pack a copy of the file itself."
