"""What the model reads of a page: bags in order, bounded, and of this page alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from kernels import as_written, same

from pipeline.boilerplate import model
from pipeline.boilerplate.charstats import Hashed
from pipeline.boilerplate.model import MAX_WORDS, UNKNOWN_PAIR, load_vocabulary, make_vocabulary, page_inputs
from pipeline.types import Block, BlockKind, Markup, PageHead


def block(at: int, text: str, markup: Markup | None = None) -> Block:
    return Block(at, text, BlockKind.PARAGRAPH, 0, len(text), markup=markup)


MENU = Markup(("html", "body", "nav", "a"), "page top-nav menu", 1, 4, "navigation")
BODY = Markup(("html", "body", "article", "p"), "page main article-content")
BLOCKS = [
    block(0, "Home", MENU),
    block(1, "News", MENU),
    block(2, "The ministry said on Monday. 全国碳市场启动。", BODY),
]


def test_blocks_of_one_place_share_its_bags() -> None:
    page = page_inputs(BLOCKS, PageHead(), load_vocabulary())
    assert page.place.tolist() == [0, 0, 1]
    assert page.classes.n == page.tags.n == 2
    assert set(page.tags.rows.tolist()) == {0, 1}
    assert page.has_markup


def test_rows_ascend_and_words_are_bounded() -> None:
    long = block(3, "word " * 60 + "碳市场" * 60, BODY)
    page = page_inputs([*BLOCKS, long], PageHead(), load_vocabulary())
    for bags in (page.words, page.classes, page.tags):
        assert (np.diff(bags.rows) >= 0).all()
        assert len(bags.rows) == len(bags.ids) == len(bags.weights)
    assert np.bincount(page.words.rows)[3] == 2 * MAX_WORDS


def test_nearer_classes_count_more() -> None:
    page = page_inputs(BLOCKS, PageHead(), load_vocabulary())
    weights = page.classes.weights[page.classes.rows == 0].tolist()
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > weights[-1]


def test_text_without_markup_has_no_classes_tags_or_marks() -> None:
    page = page_inputs([block(0, "Home"), block(1, "首页")], PageHead(), load_vocabulary())
    assert not page.has_markup
    assert len(page.classes.ids) == len(page.tags.ids) == len(page.marks) == 0


def test_known_head_marks_are_given_once() -> None:
    head = PageHead(meta=(("og:type", "article"), ("og:type", "article"), ("no-such-name", "x")))
    assert page_inputs(BLOCKS, head, load_vocabulary()).marks.tolist() == sorted(
        load_vocabulary().marks[mark] for mark in ("meta:og:type", "og:article")
    )


HASHED = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 99)), max_size=250).map(sorted)


def hashed(found: list[tuple[int, int]]) -> Hashed:
    owner, hashes = ([one[at] for one in found] for at in (0, 1))
    return Hashed(np.array(owner, dtype=np.int64), np.array(hashes, dtype=np.uint64))


@given(HASHED, HASHED)
def test_bags_hold_the_first_words_then_the_first_pairs_of_each_text(
    words: list[tuple[int, int]], pairs: list[tuple[int, int]]
) -> None:
    known = np.arange(1, 50, dtype=np.uint64)
    vocabulary = make_vocabulary(words=known, pairs=known, class_words=[], tags=[], marks=[])
    ids = [
        {key: index.ids[slot] for slot, key in enumerate(index.keys.tolist()) if key}
        for index in (vocabulary.words, vocabulary.pairs)
    ]
    expected = []
    for row in range(4):
        for found, index, unknown in ((words, ids[0], 0), (pairs, ids[1], UNKNOWN_PAIR)):
            mine = [value for owner, value in found if owner == row]
            expected += [(row, int(index.get(value, unknown))) for value in mine[:MAX_WORDS]]
    bags = model._word_bags(hashed(words), hashed(pairs), 4, vocabulary)
    assert list(zip(bags.rows.tolist(), bags.ids.tolist(), strict=True)) == expected
    with as_written(model, "_first_ids"):
        written = model._word_bags(hashed(words), hashed(pairs), 4, vocabulary)
    assert same((bags.rows, bags.ids), (written.rows, written.ids))
