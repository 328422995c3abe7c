"""The one settings model: command line, environment, winnow.toml and the flow's form all fill this.

A new setting is one field here with its description; every surface shows it by itself. Values are taken
from, first wins: what is passed in (command line, flow form), ``WINNOW_*`` environment variables, the
``winnow.toml`` in the working folder, the default.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pipeline.errors import SettingsError

ENV_PREFIX = "WINNOW_"
SETTINGS_FILE = "winnow.toml"


class Settings(BaseModel):
    """How a run is done. Frozen; unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Winnow settings")

    workers: int = Field(0, ge=0, le=1024, description="Child processes at once; 0 means one a core.")
    shard_mb: int = Field(64, ge=1, le=4096, description="Raw megabytes a shard holds at most.")
    shard_files: int = Field(2000, ge=1, le=100_000, description="Raw files a shard holds at most.")
    memory_mb: int = Field(3072, ge=512, description="Address space of a child process, in megabytes.")
    record_seconds: int = Field(30, ge=1, description="CPU seconds one record may take before it is stopped.")
    max_file_mb: int = Field(512, ge=1, description="A larger raw file goes to quarantine unread.")
    max_record_mb: int = Field(32, ge=1, description="A larger record goes to quarantine.")
    rules: Path | None = Field(None, description="A folder with rule files of your own, beside the built-in.")
    language_backend: Literal["lid176", "langdetect"] = Field(
        "lid176", description="What tells languages of one script apart."
    )
    language_seed: int = Field(0, ge=0, description="Seed of the langdetect backend; same seed, same answer.")
    template_documents: int = Field(
        5, ge=2, description="A line must recur in this many documents of a site to become its template."
    )
    template_share: float = Field(0.25, gt=0, le=1, description="... and in this share of the site's documents.")
    near_jaccard: float = Field(
        0.5, gt=0, le=1, description="Documents at least this similar (Jaccard of shingles) are duplicates."
    )
    near_containment: float = Field(
        0.8, gt=0, le=1, description="So is a document of which this share of shingles is in another."
    )
    keep_snapshots: int = Field(10, ge=1, description="Old snapshots that are kept.")

    @property
    def n_workers(self) -> int:
        """Child processes at once: ``workers``, or the cores this process may use."""
        return self.workers or len(os.sched_getaffinity(0))


def _folders(value: Any) -> Any:
    """Folders out of a variable: JSON, or with a colon between two."""
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.startswith("[") else [one for one in value.split(os.pathsep) if one]


class _Surroundings(Settings, BaseSettings):
    """The same model, filled from the environment and winnow.toml where nothing is passed in.

    ``roots`` is said there alone: it limits what is passed in.
    """

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, toml_file=SETTINGS_FILE)

    roots: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_folders)] = Field(
        (), description="Folders that raw, out and rules must lie in; a list, in a variable with a colon between two."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Passed-in values before the environment before winnow.toml."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(values: Mapping[str, Any] | None = None) -> Settings:
    """Settings from what is passed in (None values count as silent), environment and winnow.toml.

    Raises SettingsError naming the setting, what is wrong with it and where it can be mended.
    """
    given = {name: value for name, value in (values or {}).items() if value is not None}
    return Settings(**_surroundings(given).model_dump(exclude={"roots"}))


def load_roots() -> tuple[Path, ...]:
    """The folders that the operator allows raw, out and rules to lie in, () for no limit. Raises SettingsError."""
    return tuple(root.absolute() for root in _surroundings({}).roots)


def _surroundings(given: Mapping[str, Any]) -> _Surroundings:
    _refuse_unknown_variables()
    try:
        return _Surroundings(**given)
    except ValidationError as error:
        problems = "; ".join(_problem(one) for one in error.errors())
        raise SettingsError(f"Wrong setting: {problems}.", mend=_MEND) from None
    except ValueError as error:  # winnow.toml is not TOML
        raise SettingsError(f"{SETTINGS_FILE} cannot be read: {error}.", mend=_MEND) from None


_MEND = (
    f"Settings come from the command line, {ENV_PREFIX}* variables and {SETTINGS_FILE}; `winnow settings` lists them."
)


def _problem(error: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{name!r} is not a setting"
    return f"{name} = {error['input']!r}: {error['msg']}"


def _refuse_unknown_variables() -> None:
    known = {ENV_PREFIX + name.upper() for name in _Surroundings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith(ENV_PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"Wrong setting: the variable {unknown[0]} is not a setting.", mend=_MEND)
