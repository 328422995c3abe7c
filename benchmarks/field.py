"""Inputs as people report them, each against what must come of it: `python -m benchmarks.field [KIND ...]`.

    python -m benchmarks.field [KIND ...] [--data ../shared/data/field] [--verbose]

The data folder has a raw folder a kind and ``expectations.jsonl``: path and member; outcome; strings that the text of
the document must contain or lack; columns it must have (``X_not``: must not have; a ``published_at`` of ten characters
is a day); guard. Each kind is cleaned by a run of its own. Prints N of N a kind and what is wrong; exit code 1 unless
all is right.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pipeline import open_snapshot

DATA = Path("../shared/data/field")
#: Flags of a document that say that it may be none.
DOUBTS = frozenset({"interstitial", "no_page", "debris", "wrapped"})
#: Below this a document is published with a doubt that a query can find.
DOUBTFUL = 0.5
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", help="whose name has one of these in it; default: all")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--verbose", action="store_true", help="the text that came out, too")
    options = parser.parse_args()
    lines = (options.data / "expectations.jsonl").read_text("utf-8").splitlines()
    expected = [json.loads(line) for line in lines if line.strip()]
    kinds = sorted({one["kind"] for one in expected})
    kinds = [kind for kind in kinds if not options.kinds or any(word in kind for word in options.kinds)]
    n_fine = n_all = 0
    for kind in kinds:
        mine = [one for one in expected if one["kind"] == kind]
        found = cleaned(options.data / kind)
        wrong = [(one, problem) for one in mine if (problem := what_is_wrong(one, found))]
        n_all, n_fine = n_all + len(mine), n_fine + len(mine) - len(wrong)
        print(f"{kind:16} {len(mine) - len(wrong):3} of {len(mine):3}", flush=True)
        for one, problem in wrong:
            guard = " (guard)" if one["guard"] else ""
            print(f"    {one['path']}{' ' + one['member'] if one['member'] else ''}{guard}: {problem}")
            if options.verbose:
                print("".join(f"        {line}\n" for row in rows_of(one, found) for line in row["text"].splitlines()))
    print(f"{'all':16} {n_fine:3} of {n_all:3}")
    sys.exit(0 if n_fine == n_all else 1)


def cleaned(raw: Path) -> dict[str, list[Row]]:
    """The rows of documents, duplicates, quarantine and inputs of a run over one kind; paths begin with its name."""
    with tempfile.TemporaryDirectory(prefix="winnow-field-") as folder:
        out = Path(folder) / "out"
        command = [sys.executable, "-P", "-m", "pipeline", "run", str(raw), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in {0, 1}:
            raise SystemExit(f"{raw}: {done.stderr}")
        snapshot = open_snapshot(out)
        tables = {name: snapshot.table(name).to_pylist() for name in ("documents", "duplicates", "quarantine")}
    for row in (row for rows in tables.values() for row in rows):
        row["path"] = f"{raw.name}/{row['path']}"
    return tables


def rows_of(one: Row, found: Mapping[str, Sequence[Row]], table: str = "documents") -> list[Row]:
    """The rows of the table for an expectation: of its file, and of its member where there is one."""
    rows = [row for row in found[table] if row["path"] == one["path"]]
    return [row for row in rows if one["member"] is None or row["member"] == one["member"]]


def what_is_wrong(one: Row, found: Mapping[str, Sequence[Row]]) -> str:
    """Why what came of an input is not what was expected; "" when it is."""
    documents, duplicates = rows_of(one, found), rows_of(one, found, "duplicates")
    flagged = [row for row in documents if DOUBTS & set(row["flags"]) or row["extraction_confidence"] < DOUBTFUL]
    outcome = one["outcome"]
    if outcome == "not_document_or_flagged":
        return "" if len(flagged) == len(documents) else f"a document: {documents[0]['text'][:60]!r}"
    if outcome == "document_or_duplicate" and duplicates:
        return ""
    if not documents:
        rejected = [f"{row['reason']}: {row['message']}" for row in rows_of(one, found, "quarantine")]
        if duplicates:
            return f"a duplicate of {duplicates[0]['duplicate_of']} by {duplicates[0]['method']}"
        return "" if outcome == "document_or_skipped" and not rejected else f"no document: {rejected or 'skipped'}"
    if outcome == "document_or_flagged" and flagged:
        return ""
    text = "\n".join(row["text"] for row in documents)
    problems = [f"lacks {part!r}" for part in one["must_contain"] if _plain(part) not in _plain(text)]
    problems += [f"has {part!r}" for part in one["must_lack"] if _plain(part) in _plain(text)]
    problems += [
        f"{name} is {_value(documents[0], name)!r}, not {value!r}"
        for name, value in one["expected"].items()
        if not _agrees(documents, name, value)
    ]
    return "; ".join(problems)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _agrees(documents: Sequence[Row], name: str, value: Any) -> bool:
    if name.endswith("_not"):
        return all(_value(row, name.removesuffix("_not")) != value for row in documents)
    said = _value(documents[0], name)
    if isinstance(value, str) and isinstance(said, str) and name == "published_at":
        return said.startswith(value)
    return bool(said == value)


def _value(row: Row, name: str) -> Any:
    value = row.get(name.removesuffix("_not"))
    return value.isoformat() if isinstance(value, date) else value


if __name__ == "__main__":
    main()
