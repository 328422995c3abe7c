"""A table of figures, for the terminal and for docs. The first row is its heading; a sum's name begins with "=".

>>> print(as_markdown([["stage", "ms"], ["read", "1.0"], ["= all", "1.0"]]))
| stage | ms |
| --- | ---: |
| read | 1.0 |
| **all** | **1.0** |
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

SUM = "= "


def as_table(rows: Sequence[Sequence[str]], title: str) -> Table:
    """For the terminal; a line is drawn below each sum."""
    table = Table(title=title)
    for number, head in enumerate(rows[0]):
        table.add_column(head, justify="right" if number else "left", no_wrap=not number)
    for row in rows[1:]:
        table.add_row(*row, end_section=row[0].startswith(SUM))
    return table


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """For docs; sums are in bold."""
    lines = [_line(rows[0]), "| --- |" + " ---: |" * (len(rows[0]) - 1)]
    for row in rows[1:]:
        bold = row[0].startswith(SUM)
        lines.append(_line([f"**{cell.removeprefix(SUM)}**" if bold and cell else cell for cell in row]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
