"""The one settings model: command line, environment, winnow.toml and the flow's form all fill this.

A new setting is one field here with its description; every surface shows it by itself. Values are taken
from, first wins: what is passed in (command line, flow form), ``WINNOW_*`` environment variables, the
``winnow.toml`` in the working folder unless raw files may lie there, the default.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    create_model,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo

from pipeline.errors import SettingsError
from pipeline.safe_path import inside
from pipeline.text.safety import printable
from pipeline.types import Backend

ENV_PREFIX = "WINNOW_"
SETTINGS_FILE = "winnow.toml"
#: Folders that raw, out and rules must lie in: said by the operator alone, since it limits what is passed in.
ROOTS = "roots"


class Settings(BaseModel):
    """How a run is done. Frozen; unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Winnow settings")

    workers: int = Field(0, ge=0, le=1024, description="How many child processes work at once; 0 means one a core.")
    shard_mb: int = Field(64, ge=1, le=4096, description="Raw megabytes a shard holds at most.")
    shard_files: int = Field(2000, ge=1, le=100_000, description="Raw files a shard holds at most.")
    memory_mb: int = Field(3072, ge=512, description="Address space of a child process, in megabytes.")
    record_seconds: int = Field(30, ge=1, description="CPU seconds one record may take before it is stopped.")
    max_file_mb: int = Field(512, ge=1, description="A larger raw file goes to quarantine unread.")
    max_record_mb: int = Field(32, ge=1, description="A larger record goes to quarantine.")
    text_field: str | None = Field(
        None,
        description="The field or column of JSON, CSV and Parquet records that holds the text; dots lead inside ("
        "doc.body). Without it, it is found by its name and by what it holds.",
    )
    url_field: str | None = Field(None, description="The field or column that holds the address.")
    time_field: str | None = Field(None, description="The field or column that holds the time of publication.")
    rules: Path | None = Field(None, description="A folder with rule files of your own, beside the built-in.")
    language_backend: Backend = Field("lid176", description="What tells languages of one script apart.")
    language_seed: int = Field(0, ge=0, description="Seed of the langdetect backend; same seed, same answer.")
    template_documents: int = Field(
        5, ge=2, description="A line must recur in this many documents of a site to become its template."
    )
    template_share: float = Field(
        0.25, gt=0, le=1, description="It must also recur in this share of the site's documents."
    )
    near_jaccard: float = Field(
        0.5, gt=0, le=1, description="Documents at least this similar (Jaccard of shingles) are duplicates."
    )
    near_containment: float = Field(
        0.8, gt=0, le=1, description="A document of which this share of shingles is in another is a duplicate, too."
    )
    keep_snapshots: int = Field(10, ge=1, description="How many snapshots are kept.")

    @field_validator("rules", mode="before")
    @classmethod
    def _named(cls, rules: object) -> object:
        """An empty name is a variable of a script that was not set; to a file system it is the working folder."""
        if rules == "":
            raise ValueError("the name of the folder is empty")
        return rules

    @property
    def n_workers(self) -> int:
        """Child processes at once: ``workers``, or the cores this process may use."""
        return self.workers or len(os.sched_getaffinity(0))


def _silent(schema: dict[str, Any]) -> None:
    """No value but what somebody enters: a form that submitted defaults would override environment and winnow.toml."""
    for name, shown in schema["properties"].items():
        default = Settings.model_fields[name].default
        one = next(kind for kind in shown.pop("anyOf") if kind != {"type": "null"})
        shown.pop("default", None)
        shown.update(one)
        shown["description"] += " By default as the environment and winnow.toml say"
        shown["description"] += "." if default is None else f", else {default}."


def _bounded(field: FieldInfo) -> Any:
    """The type of a setting with its bounds."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


class _Silence(BaseModel):
    """The settings as a form: what nobody entered stays as the environment and winnow.toml say."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Settings", json_schema_extra=_silent)

    @model_validator(mode="before")
    @classmethod
    def _from_settings(cls, value: object) -> object:
        """Whoever calls a flow from Python has settings: what was chosen there was entered."""
        return value.model_dump(exclude_unset=True) if isinstance(value, Settings) else value

    @model_serializer(mode="wrap")
    def _entered(self, values: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in values(self).items() if value is not None}


if TYPE_CHECKING:
    Form = Settings
else:
    Form = create_model(
        "Form",
        __base__=_Silence,
        __doc__=_Silence.__doc__,
        **{
            name: (_bounded(field) | None, Field(None, description=field.description))
            for name, field in Settings.model_fields.items()
        },
    )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What settings there are beside those that are passed in; ``str`` says it in a sentence or two, or "" for none."""

    variables: Mapping[str, str] = field(default_factory=dict)  # by the name of the setting
    file: Path | None = None  # the winnow.toml that counts
    in_file: Mapping[str, Any] = field(default_factory=dict)  # what it says, by the name of the setting
    refused: Path | None = None  # a winnow.toml that does not count
    why: str = ""  # it does not

    def __str__(self) -> str:
        sources = [f"{printable(str(self.file))} ({', '.join(self.in_file) or 'nothing'})"] if self.file else []
        sources += [ENV_PREFIX + name.upper() for name in self.variables]
        said = [f"Settings from {', '.join(sources)}."] if sources else []
        if self.refused:
            said.append(f"{printable(str(self.refused))} was not obeyed: {self.why}.")
        return " ".join(said)


def surroundings(values: Mapping[str, Any] | None = None, *, raw: Path | None, trusted: bool = True) -> Surroundings:
    """What counts beside the ``values`` that are passed in (None values count as silent).

    ``raw`` is the folder of raw files: a winnow.toml in it is no setting of anybody's. ``trusted`` False: it is not
    known that the working folder holds no raw files. Raises SettingsError for an unknown variable or a file that
    cannot be read.
    """
    given = {name for name, value in (values or {}).items() if value is not None}
    _refuse_unknown_variables()
    said = ((name, os.environ.get(ENV_PREFIX + name.upper())) for name in (*Settings.model_fields, ROOTS))
    variables = {name: value for name, value in said if value and name not in given}
    file = Path(SETTINGS_FILE)
    if not os.path.lexists(file):
        return Surroundings(variables)
    file = file.absolute()
    if raw is not None and (inside(file.parent, raw) or inside(file, raw)):
        return Surroundings(variables, refused=file, why="it lies among the raw files")
    if not trusted:
        why = f"it may be a raw file, for all that is known here; options and {ENV_PREFIX}* variables count"
        return Surroundings(variables, refused=file, why=why)
    in_file = {name: value for name, value in _read(file).items() if name not in given | set(variables)}
    return Surroundings(variables, file, in_file)


def load_settings(
    values: Mapping[str, Any] | None = None, *, raw: Path | None = None, trusted: bool = True
) -> Settings:
    """Settings from what is passed in (None values count as silent), environment and winnow.toml.

    ``raw`` and ``trusted`` as for ``surroundings``, which tells what was taken from where.
    Raises SettingsError naming the setting, what is wrong with it and where it can be mended.
    """
    given = {name: value for name, value in (values or {}).items() if value is not None}
    around = surroundings(values, raw=raw, trusted=trusted)
    beside = {name: value for name, value in {**around.in_file, **around.variables}.items() if name != ROOTS}
    try:
        settings = Settings(**{**beside, **given})
    except ValidationError as error:
        problems = "; ".join(_problem(one) for one in error.errors())
        raise SettingsError(f"Wrong setting: {problems}.", mend=_MEND) from None
    if settings.rules is None:
        return settings
    return settings.model_copy(update={"rules": _rules_folder(settings.rules, raw)})


def load_roots(*, raw: Path | None = None, trusted: bool = True) -> tuple[Path, ...]:
    """The folders that the operator allows raw, out and rules to lie in, () for no limit. Raises SettingsError."""
    around = surroundings(raw=raw, trusted=trusted)
    said = around.variables.get(ROOTS) or around.in_file.get(ROOTS, [])
    try:
        return tuple(root.absolute() for root in _FOLDERS.validate_python(said))
    except (ValidationError, ValueError) as error:
        raise SettingsError(f"Wrong setting: {ROOTS} = {said!r} is no list of folders.", mend=_MEND) from error


def _folders(value: Any) -> Any:
    """Folders out of a variable: JSON, or with a colon between two."""
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.startswith("[") else [one for one in value.split(os.pathsep) if one]


_FOLDERS = TypeAdapter[list[Path]](Annotated[list[Path], BeforeValidator(_folders)])


def _read(file: Path) -> dict[str, Any]:
    try:
        if not file.is_file():  # a FIFO would have us wait for ever
            raise SettingsError(f"{printable(str(file))} is no file.", mend=_MEND)
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: not TOML, or not UTF-8
        raise SettingsError(f"{printable(str(file))} cannot be read: {error}.", mend=_MEND) from None


def _rules_folder(rules: Path, raw: Path | None) -> Path:
    """The folder by its full name, so that it is the same wherever a process works. Raises SettingsError."""
    shown = printable(str(rules))
    if raw is not None:
        files = (file for folder in (rules, rules / "sites") if folder.is_dir() for file in folder.glob("*.toml"))
        for one in (rules, rules / "sites", *files):
            if inside(one, raw):
                raise SettingsError(f"rules = {shown}: {printable(str(one))} lies among the raw files.", mend=_RULES)
    try:
        str(rules.absolute()).encode()
    except UnicodeEncodeError:
        raise SettingsError(f"rules = {shown}: the path is not valid UTF-8.", mend=_RULES) from None
    return rules.absolute()


_RULES = "Keep rules in a folder of their own, outside the raw files."
_MEND = (
    f"Settings come from the command line, {ENV_PREFIX}* variables and {SETTINGS_FILE}; `winnow settings` lists them."
)


def _problem(error: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{name!r} is not a setting"
    return f"{name} = {error['input']!r}: {error['msg']}"


def _refuse_unknown_variables() -> None:
    known = {ENV_PREFIX + name.upper() for name in (*Settings.model_fields, ROOTS)}
    unknown = sorted(name for name in os.environ if name.startswith(ENV_PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"Wrong setting: the variable {unknown[0]} is not a setting.", mend=_MEND)


# Where a run may read and write, when the operator says so (the setting ``roots``).


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
