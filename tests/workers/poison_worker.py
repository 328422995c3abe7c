"""A worker whose one stage does what each input's name says: for the tests of supervision."""

import errno
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipeline.stages.child import Stage, main
from pipeline.store.files import write_table
from pipeline.workers.journal import READING, WORKING
from pipeline.workers.task import Limits


@dataclass(frozen=True, slots=True)
class PoisonTask:
    """What a test asks of this worker."""

    stage: ClassVar[str] = "poison"
    name: str
    folder: Path
    limits: Limits
    inputs: tuple[str, ...]
    broken: bool = False  # even a page of our own

    @property
    def n_records(self) -> int:
        return len(self.inputs)


def poison(task, work, span, journal):
    import pyarrow as pa

    done, first = [], span.start
    for number, name in enumerate(task.inputs):
        place = (number, 0)
        if not span.holds(place):
            continue
        journal.begin(place, READING, name)
        if name.startswith("reader-"):
            os.abort()
        journal.begin(place, WORKING, name)
        act(name, work)
        done.append(name)
        if name.startswith("save"):
            save(pa.table({"name": done}), work, first, journal, number + 1)
            done, first = [], (number + 1, 0)
    if done:
        save(pa.table({"name": done}), work, first, journal, len(task.inputs))


def save(table, work, first, journal, after):
    write_table(table, work / f"{first[0]:07d}-{first[1]:02d}.names.parquet")
    journal.safe((after, 0))


def act(name, work):
    match name.split("-")[0]:
        case "spin":
            while True:
                pass
        case "sleep":
            time.sleep(3600)
        case "memory":
            hoard = []
            while True:
                hoard.append(bytearray(50_000_000))
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "nursery":  # is stopped while its child works
            os.kill(os.getppid(), signal.SIGSTOP)
            time.sleep(3600)
        case "refused":
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        case "words":
            raise ValueError("can't start new thread\x1b[2J")
        case "exit":
            os._exit(3)
        case "raise":
            raise ValueError("what a parser says when it gives up")
        case "curse":  # a document chose what its parser says
            raise ValueError("\x1b[2J\u202e\x07坏" * 1_000_000)
        case "import":
            import a_module_that_is_missing  # noqa: F401
        case "starved":
            raise ImportError("libparser.so: failed to map segment from shared object")
        case "print":
            print("noise" * 1_000_000, flush=True)
        case "once":  # dies the first time only
            mark = work.parent / f"{name}.mark"
            if not mark.exists():
                mark.touch()
                os.abort()


def probe(task, work, journal):
    if task.broken:
        raise AttributeError("module 'parser' has no attribute 'parse'")


if __name__ == "__main__":
    main({"poison": Stage(PoisonTask, poison, probe)})
