"""Counts of characters and words: the compiled loop, its source and plain Python agree on any text."""

from itertools import groupby

import numpy as np
from growth import linear, repeated
from hypothesis import given
from hypothesis import strategies as st
from kernels import TEXT, TEXTS, as_written, of_one_type, same

from pipeline.boilerplate import charstats
from pipeline.boilerplate.charstats import (
    WORD_KINDS,
    CharKind,
    char_stats,
    char_stats_of,
    hash_words_and_pairs,
)
from pipeline.boilerplate.lexicon import TEXT_WORDS
from pipeline.text.codes import lower_points, read_codes
from pipeline.text.prose import STOP_WORDS

WORD = range(CharKind.LOWER, CharKind.DIGIT + 1)
CJK = (CharKind.CJK, CharKind.CJK_STOP)
FILLED = st.lists(TEXT.filter(bool), min_size=1, max_size=6)


def kind_of(char):
    return int(charstats._kind_table()[ord(char)])


def words_of(text):
    """The hash of each word, in order."""
    lower = text.replace("İ", "i").lower()
    at = 0
    for is_word, run in groupby(text, lambda char: kind_of(char) in WORD):
        size = len(list(run))
        if is_word:
            word = lower[at : at + min(size, 8)]
            yield len(word) if kind_of(text[at]) == CharKind.DIGIT else charstats._hash_word(word)
        at += size


def pairs_of(text):
    lower = text.replace("İ", "i").lower()
    for at in range(len(text) - 1):
        if kind_of(text[at]) in CJK and kind_of(text[at + 1]) in CJK:
            yield charstats._hash_pair(lower[at : at + 2])


def last_kind(text):
    for _ in range(3):
        if len(text) > 1 and kind_of(text[-1]) in (CharKind.QUOTE, CharKind.SPACE):
            text = text[:-1]
    return kind_of(text[-1])


@given(FILLED)
def test_counts_are_those_of_plain_python(texts):
    stats = char_stats(texts)
    for at, text in enumerate(texts):
        kinds = [kind_of(char) for char in text]
        assert stats.length[at] == len(text)
        assert stats.kinds[at].tolist() == [kinds.count(kind) for kind in range(16)]
        assert stats.words[at] == len(list(words_of(text)))
        assert stats.first_kind[at] == kinds[0]
        assert stats.last_kind[at] == last_kind(text)


@given(TEXTS)
def test_hashes_are_those_of_plain_python_and_in_reading_order(texts):
    found = hash_words_and_pairs(texts)
    for hashed, expected in zip(found, (words_of, pairs_of), strict=True):
        assert list(zip(hashed.owner.tolist(), hashed.hashes.tolist(), strict=True)) == [
            (at, value) for at, text in enumerate(texts) for value in expected(text)
        ]


def test_every_listed_word_is_counted_as_its_kind_unless_an_earlier_list_has_it():
    listed = {}
    for kind, words in enumerate((STOP_WORDS, *TEXT_WORDS.values()), start=1):
        for word in words.split():
            listed.setdefault(word[:8], kind)
    words = [word for word in listed if len(list(words_of(word))) == 1 or len(list(pairs_of(word))) == 1]
    counted = char_stats(words).word_kinds
    right = sum(int(counted[at, listed[word]]) for at, word in enumerate(words))
    assert right >= len(words) - 3  # that share a slot with another


@given(TEXTS)
def test_the_compiled_loop_says_what_its_source_says(texts):
    codes = read_codes(texts)
    tables = (charstats._kind_table(), *charstats._word_slots(), *charstats._pair_slots())
    args = (codes.points, lower_points(codes.points), codes.starts, *tables)
    compiled = charstats._count(*args)
    with as_written(charstats, "_count"):
        assert same(compiled, charstats._count(*args))


def test_one_loop_is_compiled_for_all_texts():
    for texts in (["a"], ["碳市场", ""], ["Σ 𠀀"]):
        hash_words_and_pairs(texts)
    assert of_one_type(charstats, "_count")


def test_texts_that_were_read_already_are_counted_alike():
    texts = ["The plan. 方案。", "1"]
    one, other = char_stats(texts), char_stats_of(read_codes(texts))
    assert np.array_equal(one.kinds, other.kinds)
    assert one.word_kinds.shape == (2, len(WORD_KINDS))


def test_counting_is_linear():
    for bait in ("a", "碳", "1,", " ", "。”"):
        assert linear(lambda text: char_stats([text]), repeated(bait), 100_000)
