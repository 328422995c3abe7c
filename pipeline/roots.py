"""Where a run may read and write, when the operator says so (the setting ``roots``)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import SettingsError
from pipeline.text_safety import printable


def within_roots(roots: Sequence[Path], raw: Path, out: Path, rules: Path | None = None) -> tuple[Path, Path]:
    """``raw`` and ``out`` without links, ``..`` or relative parts, each of them a root or inside one; so is ``rules``.

    What is not there yet counts by where it would be. Without roots there is no limit, and both come back as they are.
    Raises SettingsError naming the first that is outside.
    """
    if not roots:
        return raw, out
    if rules is not None:
        _real("rules", rules, roots)
    return _real("raw", raw, roots), _real("out", out, roots)


def _real(name: str, place: Path, roots: Sequence[Path]) -> Path:
    try:
        real = Path(os.path.realpath(place))
    except ValueError:  # a NUL or half a surrogate pair
        real = None
    if real is None or not any(real.is_relative_to(os.path.realpath(root)) for root in roots):
        allowed = ", ".join(printable(str(root)) for root in roots)
        raise SettingsError(
            f"Wrong setting: {name} = {printable(str(place))} does not lie in a folder that is allowed: {allowed}.",
            mend="The operator allows folders with the variable WINNOW_ROOTS, or roots in winnow.toml.",
        )
    return real
