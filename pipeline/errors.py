"""The tree of errors.

WinnowError                what the user can mend; one clear sentence and the mend, exit code 2
├── SettingsError          a setting that is unknown or has a wrong value
├── RuleError              a rule file that is broken: file, rule and mend named
├── RawFolderError         the raw folder is missing, empty or unreadable
├── OutputError            the output folder cannot be written
│   └── BusyError          another run holds its lock
├── SnapshotError          no such snapshot or dataset, or a damaged manifest
└── InvariantError         the counts of a run do not add up: nothing was published

What does not become a document is no error but a ``LeftOut``: a ``Rejection`` (a row of the quarantine dataset) when it
should have become one, a ``Skipped`` (named in ``inputs.skipped``) when it is none on purpose. Anything else that is
raised is a bug.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import ClassVar


class WinnowError(Exception):
    """Something the user can mend: ``message`` says what, ``mend`` says how."""

    def __init__(self, message: str, *, mend: str = "") -> None:
        super().__init__(f"{message} {mend}".strip())
        self.message = message
        self.mend = mend


class SettingsError(WinnowError):
    """A setting that is unknown or has a wrong value."""


class RuleError(WinnowError):
    """A rule file that is broken, or a rule whose own examples fail."""


class RawFolderError(WinnowError):
    """The raw folder is missing, empty or unreadable."""


class OutputError(WinnowError):
    """The output folder cannot be written."""


class BusyError(OutputError):
    """Another run holds the lock of the output folder."""


class SnapshotError(WinnowError):
    """No such snapshot or dataset, or a manifest that cannot be read."""


class InvariantError(WinnowError):
    """The counts of a run do not add up; nothing was published."""


class Reason(StrEnum):
    """Why a file or record was not processed: the closed list of ``quarantine.reason``."""

    UNSUPPORTED_TYPE = "unsupported_type"  # no reader for this suffix or these magic bytes
    UNREADABLE = "unreadable"  # permission, input/output error
    NOT_A_REGULAR_FILE = "not_a_regular_file"
    FILE_CHANGED = "file_changed"  # size or time changed while it was read
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"  # nesting over the bound
    DECOMPRESSION_BOMB = "decompression_bomb"
    BROKEN_CONTAINER = "broken_container"  # bad gzip, WARC or archive member
    ENCRYPTED = "encrypted"  # an archive's entry that only a password opens
    UNSAFE_NAME = "unsafe_name"  # an archive's entry that would be unpacked outside its folder
    BROKEN_JSON = "broken_json"
    MISSING_TEXT = "missing_text"  # a JSON line without a text field
    BINARY_CONTENT = "binary_content"  # says text, holds none
    UNDECODABLE = "undecodable"
    EMPTY = "empty"  # no text at all
    NO_CONTENT = "no_content"  # nothing but boilerplate
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    PARSER_CRASH = "parser_crash"
    KILLED = "killed"  # from outside: a signal, the kernel's memory killer; the next run tries again


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file (member None) or record that did not become a document, from the reader to the dataset."""

    outcome: ClassVar[str]
    path: str  # as in RawInput; a folder ends in "/"
    member: str | None
    stage: str  # "scan", "read", "extract", "finish", ...
    reason: str
    message: str  # for people; no control characters
    attempts: int = 1
    n_records: int = 1  # that it stands for, the one it names included


@dataclass(frozen=True, slots=True)
class Rejection(LeftOut):
    """What should have become a document and goes to quarantine: one of the closed list of reasons, and a sentence."""

    outcome: ClassVar[str] = "quarantine"
    reason: Reason


@dataclass(frozen=True, slots=True)
class Skipped(LeftOut):
    """What is no document on purpose; the reason in a word or two: "hidden", "unsupported type"."""

    outcome: ClassVar[str] = "skipped"


@cache
def version() -> str:
    """The version of Winnow that is installed."""
    from importlib import metadata  # brings a parser of mail: only what writes the version down needs it

    return metadata.version("winnow")
