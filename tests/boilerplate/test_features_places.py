"""Places and kin: what is marked up alike is told alike, numbers and inline elements aside."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.boilerplate.features import find_places, skeleton
from pipeline.types import Block, BlockKind, Markup

PATHS = st.lists(st.sampled_from(["div", "ul", "li", "a", "span", "p"]), min_size=1, max_size=4).map(tuple)
CLASSES = st.sampled_from(["", "post-1", "post-22", "帖子-3", "menu"])
MARKS = st.builds(Markup, PATHS, CLASSES, st.integers(0, 3), st.integers(0, 99), st.sampled_from(["", "main"]))


def blocks_of(marks: list[Markup | None]) -> list[Block]:
    return [Block(at, "text", BlockKind.PARAGRAPH, 0, 4, markup=mark) for at, mark in enumerate(marks)]


@given(st.lists(MARKS, max_size=12))
def test_blocks_share_a_place_where_path_classes_and_role_are_the_same(marks: list[Markup]) -> None:
    places = find_places(blocks_of(list(marks)))
    for one, at in zip(marks, places.of, strict=True):
        found = places.marks[at]
        assert (found.path, found.classes, found.role) == (one.path, one.classes, one.role)
    assert len(set(places.of.tolist())) == len(places.marks)


@given(st.lists(MARKS, min_size=2, max_size=12))
def test_blocks_are_kin_exactly_where_their_skeletons_are_the_same(marks: list[Markup]) -> None:
    kin = find_places(blocks_of(list(marks))).kin_of
    skeletons = [skeleton(mark.path, mark.classes) for mark in marks]
    for one in range(len(marks)):
        for other in range(len(marks)):
            assert (kin[one] == kin[other]) == (skeletons[one] == skeletons[other])


def test_posts_of_a_forum_are_kin_whatever_their_number() -> None:
    posts = [Markup(("ul", "li", "p"), f"thread reply-{number}") for number in (380904, 7)]
    linked = Markup(("ul", "li", "p", "a", "b"), "thread reply-12")
    assert find_places(blocks_of([*posts, linked])).kin_of.tolist() == [0, 0, 0]


def test_flattened_text_is_one_place() -> None:
    places = find_places(blocks_of([None, None]))
    assert places.of.tolist() == [0, 0]
    assert not places.has_markup
