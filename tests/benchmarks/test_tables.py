"""Figures look the same in the terminal and in docs."""

from benchmarks.tables import as_markdown, as_table

ROWS = [["stage", "ms"], ["read", "1.0"], ["= all", "1.0"], ["= none", ""]]


def test_sums_are_bold_in_docs_and_an_empty_cell_stays_empty():
    assert as_markdown(ROWS).splitlines()[2:] == ["| read | 1.0 |", "| **all** | **1.0** |", "| **none** |  |"]


def test_a_line_is_drawn_below_a_sum():
    assert [row.end_section for row in as_table(ROWS, "CPU").rows] == [False, True, True]
