"""What the commands share: what they take, how their help looks, where settings come from, how they print raw text."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo
from rich.console import Console

from pipeline.errors import OutputError, SnapshotError
from pipeline.safe_path import is_address, take_nothing_from
from pipeline.settings import Settings, load_settings, surroundings
from pipeline.text.safety import printable, printable_lines

if TYPE_CHECKING:
    from pipeline.store.snapshots import Snapshot

PROCESSED = Path("processed")

# What an option or an argument may be, and what is said of one that it may not.


class _Named(click.Path):
    """A path that was named: an empty one is a variable of a script that was not set, not the working folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("The name is empty.", param, ctx)
        if isinstance(value, str) and is_address(value):
            self.fail(
                f"{value} is an address, and Winnow works on files of this machine alone. Fetch or mount it, then name "
                "the folder.",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)


class _Number(click.ParamType[Any]):
    """A whole number or a number within bounds, told in words."""

    def __init__(self, kind: type[int] | type[float], low: tuple[float, bool] | None, high: float | None) -> None:
        self.kind, self.low, self.high = kind, low, high
        self.name = "integer" if kind is int else "number"

    @property
    def range(self) -> str:
        """The bounds: "from 0 to 1024", "of at least 1", "above 0 and at most 1"; "" for none."""
        low, is_open = self.low or (None, False)
        if low is not None and self.high is not None and not is_open:
            return f"from {low:.15g} to {self.high:.15g}"
        parts = [f"above {low:.15g}" if is_open else f"of at least {low:.15g}"] if low is not None else []
        return " and ".join([*parts, *([f"at most {self.high:.15g}"] if self.high is not None else [])])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            number = self.kind(value)
        except ValueError:
            number = None
        if number is None or not math.isfinite(number) or not self._within(number):
            what = "a whole number" if self.kind is int else "a number"
            self.fail(f"{str(value)!r} is not {what}{f' {self.range}' if self.range else ''}.", param, ctx)
        return number

    def _within(self, number: float) -> bool:
        low, is_open = self.low or (-math.inf, False)
        return (number > low if is_open else number >= low) and (self.high is None or number <= self.high)


PATH = _Named(path_type=Path)


def option_type(field: FieldInfo) -> click.ParamType[Any]:
    """What an option takes that stands for a field of the settings model."""
    kinds = [one for one in get_args(field.annotation) if one is not NoneType]
    kind: Any = kinds[0] if NoneType in get_args(field.annotation) else field.annotation
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    if kind is Path:
        return PATH
    if kind is int or kind is float:
        low: tuple[float, bool] | None = None
        high: float | None = None
        for bound in field.metadata:
            low = (bound.ge, False) if hasattr(bound, "ge") else (bound.gt, True) if hasattr(bound, "gt") else low
            high = bound.le if hasattr(bound, "le") else high
        return _Number(kind, low, high)
    return _NAME


class _Name(click.ParamType[Any]):
    """A name, of a field say."""

    name = "name"


_NAME = _Name()


# How help looks: what a command does, its arguments, its options in groups, each with its type, range and default.

#: The settings by what they are about, as the help of ``run`` and ``explain`` groups them; new ones come last.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Rules and languages": ("rules", "language_backend", "language_seed"),
    "Site templates and duplicates": ("template_documents", "template_share", "near_jaccard", "near_containment"),
    "What is read": ("text_field", "url_field", "time_field", "max_file_mb", "max_record_mb", "record_seconds"),
    "The machine": ("workers", "memory_mb", "shard_mb", "shard_files"),
    "Snapshots": ("keep_snapshots",),
}
OTHER = "Other settings"


class Argument(click.Argument):
    """An argument that may say its default."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """The name, and the help with the default."""
        said = self.help or ""
        if isinstance(self.default, str | Path):
            said += f"  [default: {self.default}]"
        return self.make_metavar(ctx), said

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """The name, without the brackets of what may be left out."""
        return self.human_readable_name.strip("[].")


class SettingOption(click.Option):
    """An option that stands for a setting: silent unless it is given, so its default is that of the model."""

    def __init__(self, decls: list[str], *, group: str, shown: object, **attrs: Any) -> None:
        super().__init__(decls, **attrs)
        self.group, self.shown = group, shown

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option with its type, and the help with range and default."""
        about = [self.type.range.replace("of at", "at")] if isinstance(self.type, _Number) and self.type.range else []
        about += [f"default: {self.shown}"] if self.shown is not None else []
        return f"{self.opts[0]} {self.make_metavar(ctx)}", f"{self.help}" + (f"  [{'; '.join(about)}]" if about else "")


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option a setting, named and described as in the settings model."""
    of = {name: group for group, names in GROUPS.items() for name in names}
    ordered = sorted(Settings.model_fields, key=lambda name: [*of].index(name) if name in of else len(of))
    for name in reversed(ordered):
        field = Settings.model_fields[name]
        command = click.option(
            f"--{name.replace('_', '-')}",
            name,
            cls=SettingOption,
            group=of.get(name, OTHER),
            shown=field.default,
            default=None,
            type=option_type(field),
            help=field.description,
        )(command)
    return command


class Command(click.Command):
    """A command whose help has a section for each group of settings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            record = None if isinstance(param, click.Argument) else param.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(param, "group", "Options"), []).append(record)
        for title, rows in sections.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog as it stands, line by line."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write(self.epilog)


class Group(Command, click.Group):
    """A group of such commands, in the order in which they were written."""

    command_class = Command
    group_class = type

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in order."""
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the commands."""
        Command.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with the whole of its first sentence."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(1000)) for name, one in found if one and not one.hidden])


class Extensible(Group):
    """A group whose commands are its own and those that packages on top of this one bring (``winnow.commands``)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, its own first."""
        return [*self.commands, *sorted(_brought().keys() - self.commands.keys())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name; one that is brought is loaded now."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in (brought := _brought()):
            return own
        command: click.Command = brought[cmd_name].load()
        return command


def _brought() -> dict[str, EntryPoint]:
    return {one.name: one for one in entry_points(group="winnow.commands")}


OUT = click.argument("out", cls=Argument, type=PATH, default=PROCESSED, help="The folder that runs publish into.")


# What is printed.


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


def settings_for_run(values: Mapping[str, Any], raw: Path, *, quiet: bool = False) -> Settings:
    """The settings of a run on ``raw``, and on stderr, unless ``quiet``, where they come from. Raises SettingsError."""
    take_nothing_from(raw)
    return _loaded(values, raw, trusted=True, quiet=quiet)


def settings_beside(values: Mapping[str, Any], out: Path) -> Settings:
    """The settings of a command that looks at what the runs into ``out`` made.

    Where no run has told which folder is the raw one, any may be: then there is no winnow.toml to obey.
    Raises SettingsError.
    """
    raw = raw_of(out)
    take_nothing_from(raw)
    return _loaded(values, raw, trusted=raw is not None)


def settings_of_run(values: Mapping[str, Any], file: Path, raw: Path | None, run: Mapping[str, Any] | None) -> Settings:
    """The settings under which a run would look at ``file``: what is silent now is as in the run that is published.

    ``raw`` is the raw folder where it is known and ``file`` is of it; where it is not, any folder may be, and there is
    no winnow.toml to obey. ``run`` are the settings in the manifest of the live snapshot. On stderr is said what is
    not as the run had it. Raises SettingsError.
    """
    take_nothing_from(raw or file.absolute().parent)
    around = surroundings(values, raw=raw, trusted=raw is not None)
    named = {name for name, value in values.items() if value is not None} | set(around.variables) | set(around.in_file)
    known = {name: value for name, value in (run or {}).items() if name in Settings.model_fields}
    silent = {name: value for name, value in known.items() if name not in named}
    found = _loaded({**values, **silent}, raw, trusted=raw is not None)
    was = {name: _of_run(name, known) for name in _LABELLING if name in known and name in named}
    other = [f"{name} = {getattr(found, name)} ({was[name]})" for name in was if str(getattr(found, name)) != was[name]]
    if other:
        say(f"note: not as in the run, whose value is in brackets: {printable(', '.join(other))}.", aside=True)
    return found


#: The settings on which labels and languages depend.
_LABELLING = ("rules", "language_backend", "language_seed")


def _of_run(name: str, run: Mapping[str, Any]) -> str:
    value = run[name]
    return str(Path(value).absolute()) if name == "rules" and isinstance(value, str) else str(value)


def raw_of(out: Path) -> Path | None:
    """The raw folder that the live snapshot of ``out`` was made from, None when that is not known."""
    from pipeline.store.snapshots import latest_or_none

    try:
        live = latest_or_none(out)
    except (SnapshotError, OutputError, OSError):
        return None
    return None if live is None else made_from(live)


def made_from(snapshot: Snapshot) -> Path | None:
    """The raw folder that a snapshot was made from, None when that is not known."""
    from pipeline.read.scan import native_path

    named = snapshot.manifest.get("raw")
    raw = Path(native_path(named)) if isinstance(named, str) else None
    return raw if raw and raw.is_absolute() else None


def opened(out: Path, name: str | None = None) -> Snapshot:
    """The live snapshot of ``out`` or the one named; on stderr, when an older Winnow wrote it.

    Raises SnapshotError, also for one that a newer Winnow wrote, and OutputError.
    """
    from pipeline.store.snapshots import open_snapshot, same_schema

    if out.exists() and not out.is_dir():
        raise OutputError(f"{printable(str(out))} is a file.", mend="Name the folder that runs publish into.")
    snapshot = open_snapshot(out, name)
    if not same_schema(snapshot):
        schema = printable(str(snapshot.manifest.get("schema_version")))
        say(
            f"note: an older Winnow wrote snapshot {snapshot.name} (schema {schema}), so columns may be missing; "
            "the next run rebuilds it.",
            aside=True,
        )
    return snapshot


def _loaded(values: Mapping[str, Any], raw: Path | None, *, trusted: bool, quiet: bool = False) -> Settings:
    settings = load_settings(values, raw=raw, trusted=trusted)
    if (told := str(surroundings(values, raw=raw, trusted=trusted))) and not quiet:
        say(told, aside=True)
    return settings
