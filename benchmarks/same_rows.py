"""Whether two output folders hold the same rows: `python -m benchmarks.same_rows BEFORE AFTER`.

All seven datasets of the live snapshots are compared row for row and column for column, but for what tells of the clock
or of the code: when a row was first seen, when and with what a run was made. Prints a line a dataset; exit code 1
unless all agree. This is how a change that should change nothing shows it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pyarrow as pa

from pipeline import open_snapshot
from pipeline.schema import DATASETS, SORT_KEYS

#: Columns that differ from run to run of the same code, or from version to version.
APART = {"first_seen_at", "run_id", "started_at", "seconds", "versions", "pipeline_version"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args()
    differing = [name for name in DATASETS if not _same(name, options.before, options.after)]
    sys.exit(1 if differing else 0)


def _same(name: str, before: Path, after: Path) -> bool:
    one, other = (_rows(name, out) for out in (before, after))
    if one.schema != other.schema:
        print(f"{name:12} other columns: {set(one.schema.names) ^ set(other.schema.names) or 'of other types'}")
        return False
    different = [column for column in one.column_names if one[column] != other[column]]
    what = f"differ in {', '.join(different)}" if different else "the same"
    print(f"{name:12} {one.num_rows:10,} and {other.num_rows:10,} rows: {what}")
    return not different


def _rows(name: str, out: Path) -> pa.Table:
    table = open_snapshot(out).table(name)
    keys = [(key, "ascending") for key in SORT_KEYS[name]]
    return table.sort_by(keys).drop_columns([one for one in table.column_names if one in APART]).combine_chunks()


if __name__ == "__main__":
    main()
