"""What the archive readers have in common: an entry, and the name under which its records go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.errors import Reason
from pipeline.read.outcome import ReadFailure
from pipeline.read.stream import Stream
from pipeline.text_safety import printable

NAME_CHARS = 250  # code points of an entry's name that are kept


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive. Nothing is ever written to disk under its name."""

    name: str  # as ``decode_name`` gives it
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


def decode_name(raw: bytes) -> str:
    """Return an entry's name as text, "/" between its parts: UTF-8, GBK (Chinese Windows), else code page 437."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding).replace("\\", "/")
        except UnicodeDecodeError:
            continue
    return raw.decode("cp437").replace("\\", "/")


def refuse(reason: Reason, message: str) -> Callable[[], Stream]:
    """Return what opens an entry that is not to be read."""

    def opener() -> Stream:
        raise ReadFailure(reason, message)

    return opener


def unsafe_name(name: str) -> ReadFailure | None:
    """Return why a name would leave the folder an archive is unpacked in, or None."""
    parts = name.split("/")
    if ".." not in parts and parts[0] and not (len(parts[0]) == 2 and parts[0][1] == ":"):
        return None
    what = "Its name points outside the archive. Whoever made it may mean harm;"
    return ReadFailure(Reason.UNSAFE_NAME, f"{what} if not, pack it again with relative names.")


NOT_A_FILE = "It is {kind}, and only regular files are read. Pack a copy of the file itself."
