"""Where raw files lie, nothing of ours is taken from: no module, no setting, no rule.

Python looks for modules where PYTHONPATH says and, started by ``-m`` or ``-c``, in the working folder; whoever works in
a folder of scraped files would run what lies there under a module's name.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

_MODULES = "PYTHONPATH"
#: Where Python, what is installed beside it, and this package lie: these stay, whatever else is in the same folder.
_INSTALLED = (
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    str(Path(__file__).parent.parent),
)


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def is_address(name: str) -> bool:
    """True for a URL or what is left of one that went for a path, unless there is such a file or folder.

    >>> is_address("s3://bucket/raw"), is_address("s3:/bucket/raw"), is_address("/data/s3:/raw"), is_address("C:/raw")
    (True, True, False, False)
    """
    return _ADDRESS.match(name) is not None and not os.path.lexists(name.split("/", 1)[0])


def inside(path: Path | str, folder: Path | str) -> bool:
    """True when ``path`` is ``folder`` or lies in it, whatever links, dots or mounts the two names go through.

    Neither need exist.
    """
    real = Path(os.path.realpath(path))
    if real.is_relative_to(os.path.realpath(folder)):
        return True
    try:
        wanted = Path(folder).stat()
    except OSError:
        return False
    return any(_is(one, wanted) for one in (real, *real.parents))


def _is(path: Path, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), wanted)
    except OSError:
        return False


def safe_environment(environment: Mapping[str, str], raw: Path | None = None) -> dict[str, str]:
    """An environment in which Python takes no module from the working folder, nor from the folder ``raw``.

    Of PYTHONPATH what is relative or empty means the working folder, wherever that is by then: it is left out, as is
    what lies in ``raw``; what else the user named stays.
    """
    named = environment.get(_MODULES, "").split(os.pathsep)
    kept = [one for one in named if Path(one).is_absolute() and not (raw and inside(one, raw))]
    rest = {name: value for name, value in environment.items() if name != _MODULES}
    return {**rest, **({_MODULES: os.pathsep.join(kept)} if kept else {}), "PYTHONSAFEPATH": "1"}


def take_nothing_from(raw: Path | None) -> None:
    """Have this process, and those that it starts, take no module from ``raw`` (None: from the working folder by name)."""
    safe = safe_environment(os.environ, raw)
    named = os.environ.get(_MODULES)
    left_out = set() if named is None else set(named.split(os.pathsep)) - set(safe.get(_MODULES, "").split(os.pathsep))
    gone = {os.path.abspath(one) for one in left_out}  # noqa: PTH100 - as Python itself spelt it out at its start
    sys.path[:] = [one for one in sys.path if one in _INSTALLED or not (one in gone or (raw and _strays(one, raw)))]
    if _MODULES not in safe:
        os.environ.pop(_MODULES, None)
    os.environ.update(safe)


def _strays(entry: str, raw: Path) -> bool:
    return inside(entry, raw) and not any(inside(entry, one) for one in _INSTALLED)
