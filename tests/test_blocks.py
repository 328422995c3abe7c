"""Columns and views say the same of every block."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.blocks import KINDS, NO_ELEMENT, Blocks
from pipeline.types import Block, Markup

MARKS = st.one_of(
    st.none(),
    st.builds(
        Markup,
        path=st.lists(st.sampled_from(["html", "body", "div", "p"]), max_size=3).map(tuple),
        classes=st.sampled_from(["", "main", "正文 nav"]),
        n_links=st.integers(0, 3),
        link_chars=st.integers(0, 9),
        role=st.sampled_from(["", "navigation"]),
    ),
)
SMALL = st.integers(0, 2**30)
ROWS = st.lists(
    st.builds(
        Block,
        ordinal=st.just(0),
        text=st.sampled_from(["水位", "A lock.", "|"]),
        kind=st.sampled_from(KINDS),
        start=SMALL,
        end=SMALL,
        level=st.integers(0, 6),
        n_breaks=st.integers(0, 9),
        markup=MARKS,
        hidden=st.booleans(),
    ),
    max_size=12,
).map(lambda rows: [row._replace(ordinal=at) for at, row in enumerate(rows)])


@given(ROWS)
def test_blocks_made_columns_are_the_same_blocks(rows):
    blocks = Blocks.of(rows)
    assert list(blocks) == rows
    assert len(blocks) == len(rows)
    assert blocks == rows
    assert Blocks.of(blocks) is blocks


@given(ROWS)
def test_an_element_is_kept_once(rows):
    blocks = Blocks.of(rows)
    places = {(row.markup.path, row.markup.classes, row.markup.role) for row in rows if row.markup}
    assert len(blocks.elements) == len(places)
    assert blocks.has_markup is bool(places)
    assert [number == NO_ELEMENT for number in blocks.element] == [row.markup is None for row in rows]


@given(ROWS, st.data())
def test_chosen_blocks_keep_their_ordinals_and_all_else(rows, data):
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), dtype=bool)
    chosen = Blocks.of(rows).chosen(mask)
    assert list(chosen) == [row for row, wanted in zip(rows, mask, strict=True) if wanted]
    assert Blocks.of(tuple(chosen)).ordinals.tolist() == chosen.ordinals.tolist()


@given(ROWS)
def test_what_is_hidden_is_not_among_the_shown(rows):
    assert list(Blocks.of(rows).shown) == [row for row in rows if not row.hidden]


def test_blocks_are_put_at_other_places_of_the_source():
    rows = [Block(0, "水位", KINDS[0], 0, 2), Block(1, "A lock.", KINDS[0], 3, 10)]
    assert list(Blocks.of(rows).placed([5, 8], [7, 15])) == [
        rows[0]._replace(start=5, end=7),
        rows[1]._replace(start=8, end=15),
    ]
