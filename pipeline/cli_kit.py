"""What the commands share: how they take a path, find their settings, and print what came out of raw files."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from pipeline.errors import OutputError, SnapshotError
from pipeline.safe_path import inside, take_nothing_from
from pipeline.settings import Settings, load_settings, surroundings
from pipeline.text.safety import printable_lines


class _Named(click.Path):
    """A path that was named: an empty one is a variable of a script that was not set, not the working folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("The name is empty.", param, ctx)
        return super().convert(value, param, ctx)


PATH = _Named(path_type=Path)


class Screen(Console):
    """A console whose reader may leave: what is under way goes on. FORCE_COLOR=0 means none, as elsewhere."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, force_terminal=False if os.environ.get("FORCE_COLOR") == "0" else None)

    def on_broken_pipe(self) -> None:
        """Say nothing more."""
        self.quiet = True


def say(text: str, *, aside: bool = False) -> None:
    """Print lines that may hold what raw files say: nothing that a terminal acts on. ``aside``: on stderr."""
    click.echo(printable_lines(text), err=aside)


def say_path(path: Path | str) -> None:
    """Print a path of ours, as it is for a program that reads it, safe to look at for people."""
    text = str(path)
    click.echo(printable_lines(text) if sys.stdout is not None and sys.stdout.isatty() else text)


def settings_for_run(values: Mapping[str, Any], raw: Path) -> Settings:
    """The settings of a run on ``raw``, and on stderr where they come from. Raises SettingsError."""
    take_nothing_from(raw)
    return _loaded(values, raw, trusted=True)


def settings_beside(values: Mapping[str, Any], out: Path, file: Path | None = None) -> Settings:
    """The settings of a command that looks at ``file``, or at none, with what the runs into ``out`` made.

    Where no run has told which folder is the raw one, any may be: then there is no winnow.toml to obey.
    Raises SettingsError.
    """
    raw = raw_of(out)
    take_nothing_from(raw or (file.absolute().parent if file else None))
    return _loaded(values, raw, trusted=raw is not None and (file is None or inside(file, raw)))


def raw_of(out: Path) -> Path | None:
    """The raw folder that the live snapshot of ``out`` was made from, None when that is not known."""
    from pipeline.read.scan import native_path
    from pipeline.store.snapshots import latest_or_none

    try:
        live = latest_or_none(out)
    except (SnapshotError, OutputError, OSError):
        return None
    named = live and live.manifest.get("raw")
    raw = Path(native_path(named)) if isinstance(named, str) else None
    return raw if raw and raw.is_absolute() else None


def _loaded(values: Mapping[str, Any], raw: Path | None, *, trusted: bool) -> Settings:
    settings = load_settings(values, raw=raw, trusted=trusted)
    if told := str(surroundings(values, raw=raw, trusted=trusted)):
        say(told, aside=True)
    return settings


class Extensible(click.Group):
    """A group whose commands are its own and those that packages on top of this one bring (``winnow.commands``)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted({*super().list_commands(ctx), *_brought()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name; one that is brought is loaded now."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in (brought := _brought()):
            return own
        command: click.Command = brought[cmd_name].load()
        return command


def _brought() -> dict[str, EntryPoint]:
    return {one.name: one for one in entry_points(group="winnow.commands")}
