"""A rewritten text is what its pieces say, and every stretch of it leads back to where it came from."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.rewrite import Piece, replaced, rewrite


@st.composite
def changed(draw):
    source = draw(st.text(alphabet="ab清河&;", min_size=1, max_size=40))
    cuts = sorted(draw(st.sets(st.integers(0, len(source)), max_size=8)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    return source, [Piece(start, end, draw(st.text(alphabet="xy茶", max_size=3))) for start, end in pairs]


@given(changed())
def test_what_is_not_changed_keeps_its_place(made):
    source, changes = made
    found = replaced(source, changes)
    for at, char in enumerate(found.text):
        start, end = found.place(at, at + 1)
        inside = [one for one in changes if (one.start, one.end) == (start, end)]
        assert (source[start:end] == char) or any(char in (one.text or "") for one in inside)


@given(changed())
def test_places_are_in_order(made):
    source, changes = made
    found = replaced(source, changes)
    places = [found.place(at, at + 1) for at in range(len(found.text))]
    assert places == sorted(places)
    assert all(0 <= start <= end <= len(source) for start, end in places)


def test_what_is_in_no_piece_is_left_out():
    assert rewrite("一二三四", [Piece(1, 2), Piece(3, 4, "五")]).text == "二五"
