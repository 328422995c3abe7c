"""A raw file to its records: the table of formats is in ``readers``.

What is named here is loaded when it is asked for: who lists raw files needs no reader.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.read.limits import ReadLimits
    from pipeline.read.readers import READERS, Format, detect_format, read_file

__all__ = ["READERS", "Format", "ReadLimits", "detect_format", "read_file"]


def __getattr__(name: str) -> Any:
    """What is exported."""
    if name in __all__:
        return getattr(import_module("pipeline.read.readers"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
