"""Cleaned records kept from run to run: a *pack* is what one ``clean`` task made, and stays as it was made.

A later run takes from each pack the files that are still the same and cleans the rest into new packs. A pack
notes what it was made with, and the rules of each site there were, so that a change of one site's rules is felt by
that site's files alone. Packs may be deleted at any time at the cost of work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.store.files import RESULTS, chunk_names, complete, damaged_files, read_columns, write_text
from pipeline.store.marks import OURS, has_mark, read_sealed, remove_ours, sweep
from pipeline.store.marks import sealed as as_sealed
from pipeline.types import RawInput

ABOUT = "pack.json"
#: A pack is given up when less than this share of its files is still the same: the rest is cleaned anew.
MIN_LIVE = 0.5
#: So are the packs of few files and bytes when there are more than this many of them: they become one.
MAX_SMALL, SMALL_FILES, SMALL_BYTES = 16, 100, 8 << 20


@dataclass(frozen=True, slots=True)
class Pack:
    """Cleaned records on disk, with the files of them that are live in this run."""

    folder: Path
    files: Mapping[str, str]  # path -> SHA-256 of every file cleaned into it; "" when it has to be cleaned anew
    live: frozenset[str]  # paths

    @property
    def name(self) -> str:
        """The fingerprint it is known by."""
        return self.folder.name

    def dead_ids(self) -> list[str]:
        """The doc_id of each record whose file is gone or has changed, in order."""
        if len(self.live) == len(self.files):
            return []
        rows = read_columns(chunk_names(self.folder, "records"), ["doc_id", "path"])
        gone = pc.is_in(rows["path"], value_set=pa.array(sorted(set(self.files) - self.live), pa.string()))
        return sorted(rows["doc_id"].filter(gone).to_pylist())


@dataclass(frozen=True, slots=True)
class FinishedPack:
    """The finished records of one pack: where they lie, and the documents in it that are not live."""

    folder: Path
    dead: Sequence[str]  # doc_id


def seal(folder: Path, *, made_with: str, site_rules: Mapping[str, str], files: Mapping[str, str]) -> None:
    """Note what a pack was made with and its files; one under "" is not for a later run to take.

    ``site_rules`` has the fingerprint of the rules of each domain: as many as there are rule files, however many sites
    its records name.
    """
    about = {"made_with": made_with, "site_rules": dict(site_rules), "files": dict(files)}
    write_text(as_sealed(about), folder / ABOUT)


def forget(root: Path, paths: Collection[str]) -> None:
    """Have these files cleaned anew, whatever packs hold of them. Raises OutputError."""
    for note in root.glob(f"*/{ABOUT}") if paths else ():
        with suppress(ValueError, KeyError, AttributeError):  # a damaged note is none
            about = read_sealed(note)
            files = {path: "" if path in paths else sha256 for path, sha256 in about["files"].items()}
            if files != about["files"]:
                write_text(as_sealed({**about, "files": files}), note)


def sealed(folder: Path) -> bool:
    """True when a run has noted what the pack was made with: else it ended before it could."""
    return (folder / ABOUT).exists()


def sites_in(folder: Path) -> list[str]:
    """The sites of a pack's records, "" for none, sorted."""
    rows = read_columns(chunk_names(folder, "records"), ["site"])
    return sorted({site or "" for site in pc.unique(rows["site"]).to_pylist()})


def take_packs(
    root: Path, inputs: Sequence[RawInput], *, made_with: str, site_rules: Mapping[str, str]
) -> tuple[list[Pack], list[RawInput], list[Path]]:
    """The packs that hold cleaned files of these inputs, the inputs that have to be cleaned, and what is damaged.

    ``site_rules`` has the fingerprint of the rules of each domain now. Of a damaged pack nothing is taken.
    """
    folders = [folder for folder in results_in(root) if sealed(folder)]
    with ThreadPoolExecutor() as threads:
        proofs = threads.map(lambda folder: next(damaged_in(folder), None), folders)
        damaged = {folder: file for folder, file in zip(folders, proofs, strict=True) if file}
    wanted = {one.path: one.sha256 for one in inputs}
    packs: list[Pack] = []
    for folder in (one for one in folders if one not in damaged):
        found = _usable(folder, made_with, site_rules)
        live = frozenset(path for path, sha256 in found.items() if wanted.get(path) == sha256)
        if live:
            packs.append(Pack(folder, found, live))
            for path in live:
                del wanted[path]
    packs = _worth_keeping(packs, {one.path: one.size for one in inputs})
    taken = frozenset(path for pack in packs for path in pack.live)
    return packs, [one for one in inputs if one.path not in taken], list(damaged.values())


def results_in(root: Path) -> list[Path]:
    """The folders of results of ours in a folder, by name."""
    try:
        return sorted(one for one in root.iterdir() if has_mark(one) and not one.name.startswith(OURS))
    except OSError:
        return []


def damaged_in(folder: Path) -> Iterator[Path]:
    """The files of a pack that are not as they were written."""
    try:
        read_sealed(folder / ABOUT)
    except (OSError, ValueError):
        yield folder / ABOUT
    yield from damaged_files(folder)


def _worth_keeping(packs: list[Pack], sizes: Mapping[str, int]) -> list[Pack]:
    whole = [pack for pack in packs if len(pack.live) >= MIN_LIVE * len(pack.files)]
    small = {pack.name for pack in whole if _is_small(pack, sizes)}
    return whole if len(small) <= MAX_SMALL else [pack for pack in whole if pack.name not in small]


def _is_small(pack: Pack, sizes: Mapping[str, int]) -> bool:
    return len(pack.live) < SMALL_FILES and sum(sizes[path] for path in pack.live) < SMALL_BYTES


def _usable(folder: Path, made_with: str, site_rules: Mapping[str, str]) -> dict[str, str]:
    """The files of a pack, each with its SHA-256 if it was cleaned as this run would clean it, else with ""."""
    about = read_sealed(folder / ABOUT)
    if about["made_with"] != made_with or not complete(folder):
        return {}
    files: dict[str, str] = about["files"]
    changed = {domain for domain, _ in site_rules.items() ^ about["site_rules"].items()}
    if not changed:
        return files
    rows = read_columns(chunk_names(folder, "records"), ["path", "site"])
    other = [site for site in pc.unique(rows["site"]).to_pylist() if site and not changed.isdisjoint(_domains(site))]
    stale = frozenset(rows.filter(pc.is_in(rows["site"], value_set=pa.array(other, pa.string())))["path"].to_pylist())
    return {path: "" if path in stale else sha256 for path, sha256 in files.items()}


def _domains(site: str) -> list[str]:
    """The domains whose rules speak for a site: its own and the ones above."""
    parts = site.split(".")
    return [".".join(parts[start:]) for start in range(len(parts))]


def drop_others(root: Path, keep: Iterable[str]) -> None:
    """Delete what is in ``root``, ours and not named."""
    names = set(keep)
    sweep(root)
    for one in results_in(root):
        if one.name not in names:
            remove_ours(one, RESULTS)
