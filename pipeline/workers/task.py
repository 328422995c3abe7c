"""A task: what a stage has to do with one shard, as a frozen value that can be sent anywhere; and the way there.

A task says where its inputs lie and where its result goes, and nothing else: no process, no open file, no table. It
pickles, and goes to a child process as JSON: ``to_json`` writes any such value, ``from_json`` reads it back.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

from pipeline.types import Place

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use."""

    memory_mb: int  # at most
    record_seconds: int  # CPU time of one record
    first_mb: int = 0  # at the first try, where the machine has not memory_mb for each at once; 0: memory_mb


class Task(Protocol):
    """What every task has, beside what its own stage needs."""

    stage: ClassVar[str]

    @property
    def name(self) -> str:
        """Of the shard, for people."""

    @property
    def folder(self) -> Path:
        """Where the results will lie; the name says what they depend on."""

    @property
    def n_records(self) -> int:
        """About how many, for a progress bar."""

    @property
    def limits(self) -> Limits:
        """What a child may use for it."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a task came to. The results themselves lie in ``folder``."""

    folder: Path
    cpu_seconds: float
    peak_mb: float
    n_deaths: int
    reused: bool = False
    damaged: Path | None = None  # a file of an earlier result that was not as it was written: all was done anew


@dataclass(frozen=True, slots=True)
class SpanRequest:
    """What a nursery is asked: to have a child do a span of a task."""

    stage: str
    task: str  # as JSON: only the child needs to know its type
    work: Path  # the folder that it writes to
    journal: Path
    start: Place
    stop: Place | None
    limits: Limits
    probe: bool = False  # a page of our own in place of the task's records


def to_json(value: Any) -> str:
    """A dataclass instance as one line of JSON.

    >>> to_json(Limits(memory_mb=512, record_seconds=60))
    '{"memory_mb": 512, "record_seconds": 60, "first_mb": 0}'
    """
    return json.dumps(asdict(value), default=str)


def from_json(kind: type[T], text: str | bytes) -> T:
    """The instance of a dataclass that ``to_json`` wrote.

    Fields may be strings, numbers, booleans, paths, tuples and dataclasses of such, or one of these or None. Raises
    TypeError when a field is missing or unknown.

    >>> from_json(Limits, to_json(Limits(512, 60))) == Limits(512, 60)
    True
    """
    value: T = _built(kind, json.loads(text))
    return value


def _built(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        if unknown := value.keys() - hints.keys():
            raise TypeError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
        return kind(**{name: _built(hints[name], item) for name, item in value.items()})
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(_built(one, item) for one, item in zip(kinds, value, strict=True))
    if origin in {Union, UnionType}:
        return None if value is None else _built(next(one for one in inner if one is not NoneType), value)
    return Path(value) if kind is Path else value


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {name: hint for name, hint in hints.items() if get_origin(hint) is not ClassVar}
