"""What the model knows by name or hash: found again, and unknown words stay apart from known ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.boilerplate.charstats import Hashed, char_stats
from pipeline.boilerplate.model import (
    FIRST_KNOWN,
    MAX_CLASS_WORDS,
    UNKNOWN_PAIR,
    UNKNOWN_WORD,
    _word_bags,
    load_vocabulary,
    make_vocabulary,
    split_classes,
)


def of_texts(*texts: str):  # type: ignore[no-untyped-def]
    stats = char_stats(texts)
    words, pairs = np.unique(stats.hashed_words.hashes), np.unique(stats.hashed_pairs.hashes)
    return make_vocabulary(words=words, pairs=pairs, class_words=["nav", "content"], tags=["p"], marks=["og:article"])


def ids(vocabulary, text: str) -> tuple[list[int], list[int]]:  # type: ignore[no-untyped-def]
    stats = char_stats([text])
    found = _word_bags(stats.hashed_words, stats.hashed_pairs, 1, vocabulary).ids.tolist()
    n_words = len(stats.hashed_words.owner)
    return found[:n_words], found[n_words:]


def test_words_and_pairs_are_told_from_unknown_ones_in_both_scripts() -> None:
    vocabulary = of_texts("copyright policy", "版权所有")
    words, pairs = ids(vocabulary, "Copyright zebra 版权没有")
    assert words[0] >= FIRST_KNOWN
    assert words[1] == UNKNOWN_WORD
    assert pairs[0] >= FIRST_KNOWN
    assert UNKNOWN_PAIR in pairs
    assert set(words).isdisjoint(pairs)


def test_numbers_count_by_their_length() -> None:
    vocabulary = of_texts("2024")
    assert ids(vocabulary, "1999")[0] == ids(vocabulary, "2024")[0] != ids(vocabulary, "20")[0]


@given(st.sets(st.integers(1, 2**64 - 1), min_size=1, max_size=200))
def test_every_hash_is_found_or_unknown_and_never_another(hashes: set[int]) -> None:
    keys = np.array(sorted(hashes), dtype=np.uint64)
    vocabulary = make_vocabulary(words=keys, pairs=keys[:0], class_words=[], tags=[], marks=[])
    none = Hashed(np.empty(0, dtype=np.int64), keys[:0])
    found = _word_bags(Hashed(np.arange(len(keys)), keys), none, len(keys), vocabulary).ids
    expected = np.arange(FIRST_KNOWN, FIRST_KNOWN + len(keys))
    assert set((found - expected)[found > 0].tolist()) <= {0}
    assert (found > 0).mean() > 0.9


def test_class_chains_are_cut_to_their_near_end() -> None:
    assert split_classes("site-wrap main article_body p2")[:3] == ["p", "body", "article"]
    assert split_classes("正文 zhengwen") == ["zhengwen", "正文"]
    assert len(split_classes("a " * 5000)) == MAX_CLASS_WORDS
    assert split_classes("") == []


def test_the_shipped_vocabulary_knows_both_scripts() -> None:
    load_vocabulary.cache_clear()
    vocabulary = load_vocabulary()
    assert min(ids(vocabulary, "copyright privacy")[0]) >= FIRST_KNOWN
    assert min(ids(vocabulary, "责任编辑")[1]) >= UNKNOWN_PAIR
    assert "nav" in vocabulary.class_words
    assert "article" in vocabulary.tags
    assert "og:article" in vocabulary.marks
