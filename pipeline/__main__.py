"""Where ``winnow`` begins and ends: every end is an exit code of the closed list and at most one sentence.

0 all well (records in quarantine included); 1 records in quarantine under --strict; 2 refused or failed, a signal that
ends the run and a bug of ours included; 130 stopped by ^C. What is imported here is what Python has loaded anyway, so
that ^C finds somebody at home from the start.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType

REFUSED, STOPPED = 2, 130
#: What ends a command; ^C first.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Seconds in which a command that was stopped clears up; a signal after that ends it at once.
_PATIENCE = 10


class Stopped(BaseException):
    """A signal asked the command to end."""


def main() -> None:
    """The ``winnow`` command."""
    _speak_utf8()
    _prepare_streams()
    try:
        code = end_of(_command)
    except Stopped:  # at the very end, with the code on its way
        code = STOPPED
    sys.exit(_flushed(code))


def end_of(command: Callable[[], object]) -> int:
    """Call a command and return the exit code of its end; what is to be said of it is said on stderr.

    The process is to end then: signals are ignored from there on.
    """
    got: list[int] = []
    with _heeding(got):
        try:
            command()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 0
        except (Exception, Stopped, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever it is, no traceback
            code, said = _stopped(got[0]) if got else verdict(error)
            _say(" ".join([said, *getattr(error, "__notes__", ())] if got else [said]))
            return code
    return 0


def _command() -> None:
    from pipeline.safe_path import take_nothing_from

    take_nothing_from(None)
    from click.shell_completion import shell_complete

    from pipeline.cli import winnow

    if wanted := os.environ.get("_WINNOW_COMPLETE"):
        sys.exit(shell_complete(winnow, {}, "winnow", "_WINNOW_COMPLETE", wanted))
    with winnow.make_context("winnow", sys.argv[1:]) as context:  # main() would have ends of its own
        winnow.invoke(context)


def _stopped(number: int) -> tuple[int, str]:
    name = signal.Signals(number).name
    return (STOPPED, "Stopped.") if number == signal.SIGINT else (REFUSED, f"Stopped by {name}.")


def verdict(error: BaseException) -> tuple[int, str]:
    """The exit code of an error, and the sentence that it comes to."""
    import click

    from pipeline.errors import WinnowError
    from pipeline.store.files import MENDS

    if isinstance(error, WinnowError):
        return REFUSED, str(error)
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code, ""
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return _stopped(signal.SIGINT)
    if isinstance(error, click.ClickException):
        shown = io.StringIO()
        error.show(shown)
        return REFUSED, shown.getvalue().strip()
    if isinstance(error, BrokenPipeError):  # whoever read has read enough
        return 0, ""
    if isinstance(error, MemoryError):
        return REFUSED, "There is not enough memory. Give the machine more, or the run fewer workers."
    if isinstance(error, OSError):
        cause = error.strerror or str(error)
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return REFUSED, f"{where}{cause}. {MENDS.get(error.errno or 0, 'Check the path and its permissions.')}"
    return REFUSED, f"This is a bug in Winnow: {type(error).__name__}: {error} Please report it with {_noted(error)}."


def _noted(error: BaseException) -> str:
    """Where the traceback of a bug was written."""
    import tempfile
    import traceback

    try:
        fd, name = tempfile.mkstemp(prefix="winnow-bug-", suffix=".txt")
        with open(fd, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 - a descriptor, not a path
            file.writelines(traceback.format_exception(error))
    except OSError:
        last = traceback.extract_tb(error.__traceback__)[-1:]
        return " ".join(f"its place, {frame.filename}, line {frame.lineno}" for frame in last) or "the command"
    return name


def _say(text: str) -> None:
    if text:
        from pipeline.text.safety import printable_lines

        named = text if text.startswith("Usage:") else f"winnow: {text}"
        print(printable_lines(named), file=sys.stderr, flush=True)


@contextlib.contextmanager
def _heeding(got: list[int]) -> Iterator[None]:
    """Have the first signal that ends a command raise ``Stopped`` and note its number; more of them change nothing."""
    since = 0.0

    def heed(number: int, frame: FrameType | None) -> None:
        nonlocal since
        if not got:
            got.append(number)
            since = time.monotonic()
            raise Stopped
        if since and time.monotonic() - since > _PATIENCE:
            os._exit(_stopped(got[0])[0])

    for one in _SIGNALS:
        if signal.getsignal(one) in (signal.SIG_DFL, signal.default_int_handler):  # else somebody wants it ignored
            signal.signal(one, heed)
    try:
        yield
    finally:
        for one in _SIGNALS:
            signal.signal(one, signal.SIG_IGN)  # there is nothing left to stop


class _Unheard(io.TextIOWrapper):
    """Stderr, which nobody need listen to: a run goes on when its terminal, pipe or log is gone or full."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


def _speak_utf8() -> None:
    """Begin again in UTF-8 mode where names of files are encoded otherwise: Arrow, DuckDB and our children know no other."""
    if sys.getfilesystemencoding() != "utf-8":
        os.environ.setdefault("PYTHONIOENCODING", f"{getattr(sys.stdout, 'encoding', 'utf-8')}:backslashreplace")
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _prepare_streams() -> None:
    """Every stream is there and takes any text: what its encoding has not is escaped."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:  # closed: else the next file opened, the lock say, would be what is printed to
            os.open(os.devnull, os.O_RDWR)
    if len(os.environ.get("COLUMNS", "")) > 4:  # no terminal is as wide: lines padded to it would fill the memory
        del os.environ["COLUMNS"]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        encoding = sys.stderr.encoding
        sys.stderr = _Unheard(sys.stderr.buffer, encoding=encoding, errors="backslashreplace", line_buffering=True)


def _flushed(code: int) -> int:
    """The exit code once all that was printed is out; 2 when it cannot be, unless its reader left."""
    if sys.stdout is None:
        return code
    try:
        sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python tries again, and says so
        if not isinstance(error, BrokenPipeError):
            _say(f"Standard output cannot be written: {error.strerror}.")
            return REFUSED
    return code


if __name__ == "__main__":
    main()
