import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.candidates import (
    BUCKET,
    FIRST,
    MOST_ALIGNED,
    _bucket_pairs,
    candidates,
    distinct,
    pairs_of,
    templates,
)
from pipeline.dedup.signature import N_HASHES


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 12), max_size=60))
def test_small_buckets_give_every_pair_of_equal_keys_once(keys: list[int]) -> None:
    pairs = [tuple(pair) for pair in _bucket_pairs(np.array(keys, dtype=np.uint64)).tolist()]
    n = len(keys)
    expected = {(i, j) for i in range(n) for j in range(i + 1, n) if keys[i] == keys[j]}
    if max(map(keys.count, keys), default=0) <= BUCKET:
        assert sorted(pairs) == sorted(expected)
    assert set(pairs) <= expected


def test_a_giant_bucket_costs_a_few_pairs_a_member_and_leaves_none_out() -> None:
    pairs = _bucket_pairs(np.zeros(20_000, np.uint64))
    assert len(pairs) <= 20_000 * (FIRST + 1)
    assert np.all(pairs[:, 0] < pairs[:, 1])
    assert set(pairs[pairs[:, 0] == 0, 1].tolist()) == set(range(1, 20_000))


def test_equal_minhashes_are_candidates_and_unlike_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    minhash = rng.integers(0, 2**32, (200, N_HASHES), dtype=np.uint32)
    minhash[150] = minhash[3]
    minhash[7, : N_HASHES // 10] = minhash[8, : N_HASHES // 10]  # a tenth alike: far from any threshold
    sizes = np.full(200, 100, np.int64)
    found = candidates(minhash, sizes, jaccard=0.5, containment=0.8)
    assert pairs_of(found, 200).tolist() == [[3, 150]]


def test_a_short_part_of_a_long_text_is_a_candidate_at_a_low_jaccard() -> None:
    rng = np.random.default_rng(0)
    minhash = rng.integers(0, 2**32, (2, N_HASHES), dtype=np.uint32)
    minhash[1, : N_HASHES // 4] = minhash[0, : N_HASHES // 4]
    assert len(candidates(minhash, np.array([1000, 250]), jaccard=0.5, containment=0.8)) == 1
    assert len(candidates(minhash, np.array([1000, 1000]), jaccard=0.5, containment=0.8)) == 0


def test_nothing_gives_nothing() -> None:
    none = np.empty((0, N_HASHES), np.uint32)
    assert candidates(none, np.empty(0, np.int64), jaccard=0.5, containment=0.8).shape == (0,)
    assert distinct(np.empty(0, np.uint64)).size == 0


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 120), st.floats(0, 1), st.integers(0, 2**32))
def test_of_a_text_alike_to_many_a_bounded_number_of_pairs_is_aligned(n, share, seed):
    """Whatever the pairs are found to be, and whichever way round they come."""
    rng = random.Random(seed)
    pairs = np.array([(a, b) for a in range(n) for b in range(a + 1, n)], np.int64)
    sizes = np.full(n, 100, np.int64)
    shared = np.array([rng.randrange(50, 100) for _ in pairs], np.int32)
    verdict = {tuple(pair): rng.random() < share for pair in pairs.tolist()}
    asked = []

    def align(some):
        asked.extend(map(tuple, some.tolist()))
        return np.array([verdict[tuple(pair)] for pair in some.tolist()], bool)

    found = templates(pairs, shared, sizes, align)
    assert len(asked) == len(set(asked)) <= n * MOST_ALIGNED
    assert all(found[at] == verdict[pair] for at, pair in enumerate(map(tuple, pairs.tolist())) if pair in set(asked))
    order = np.array(rng.sample(range(len(pairs)), len(pairs)))
    assert (templates(pairs[order], shared[order], sizes, align) == found[order]).all()
