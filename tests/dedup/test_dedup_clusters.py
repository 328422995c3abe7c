import random
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.clusters import Duplicate, _Match, _stars, find_duplicates, make_index
from pipeline.dedup.signature import sign

HAN = "碳市场交易配额排放企业核查报告登记结算价格气候政策能源转型绿色发展目标行动方案规则试点监管数据质量"
LATIN = ["carbon", "market", "allowance", "trading", "emissions", "firm", "verified", "report", "registry", "price"]


def article(seed: int, *, n: int = 120, chinese: bool) -> str:
    rng = random.Random(seed)
    if chinese:
        return "".join(rng.choice(HAN) for _ in range(n))
    return " ".join(f"{rng.choice(LATIN)}{rng.choice('abcdefgh')}" for _ in range(n))


def edit(text: str, share: float, seed: int) -> str:
    """A share of the tokens replaced, one at a time."""
    rng = random.Random(seed)
    words = text.split(" ") if " " in text else list(text)
    kept = [("更" if len(w) == 1 else "other") if rng.random() < share else w for w in words]
    return (" " if " " in text else "").join(kept)


def found(documents: dict[str, str], days: dict[str, int] | None = None, **thresholds: float) -> list[Duplicate]:
    ids = list(documents)
    signatures = [sign(documents[name]) for name in ids]
    index = make_index(ids, signatures, [days[name] for name in ids] if days else None)

    def load(rows: Sequence[int]) -> list[np.ndarray]:
        assert list(rows) == sorted(set(rows))
        return [signatures[row].shingles for row in rows]

    duplicates = find_duplicates(index, load, **thresholds)
    assert [one.row for one in duplicates] == sorted({one.row for one in duplicates})
    return duplicates


def by_name(documents: dict[str, str], duplicates: list[Duplicate]) -> dict[str, tuple[str, str, float, float]]:
    ids = list(documents)
    return {ids[d.row]: (d.cluster_id, d.method, d.jaccard, d.containment) for d in duplicates}


def collection(seed: int) -> dict[str, str]:
    """Articles of both scripts with copies, edits, truncations and short texts."""
    rng = random.Random(seed)
    texts = []
    for number in range(8):
        base = article(rng.randrange(40), chinese=bool(number % 2))
        texts += [base, edit(base, 0.04, rng.randrange(99)), base[: int(len(base) * 0.6)], base + "\n" + base[:40]]
        texts += rng.choices(["", "碳", "ok", "关于印发通知"], k=1)
    rng.shuffle(texts)
    return {f"d{rng.randrange(10**9):09d}-{at}": text for at, text in enumerate(texts)}


seeds = st.integers(0, 10**6)


@settings(max_examples=25, deadline=None)
@given(seeds, st.randoms(use_true_random=False))
def test_order_of_input_does_not_matter(seed: int, shuffler: random.Random) -> None:
    documents = collection(seed)
    names = list(documents)
    shuffler.shuffle(names)
    shuffled = {name: documents[name] for name in names}
    assert by_name(documents, found(documents)) == by_name(shuffled, found(shuffled))


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_every_duplicate_is_like_its_representative_which_stays(seed: int) -> None:
    documents = collection(seed)
    ids, duplicates = list(documents), found(documents)
    left_out = {one.row for one in duplicates}
    for one in duplicates:
        assert one.duplicate_of not in left_out
        assert one.cluster_id == ids[one.duplicate_of]
        left, right = (set(sign(documents[ids[row]]).shingles.tolist()) for row in (one.row, one.duplicate_of))
        shared = len(left & right)
        if one.method == "exact":
            assert documents[ids[one.row]].split() == documents[one.cluster_id].split()
        else:
            assert one.jaccard == pytest.approx(shared / len(left | right))
            assert one.containment == pytest.approx(shared / min(len(left), len(right)))
            assert one.jaccard >= 0.5 if one.method == "near" else one.containment >= 0.8
            assert one.method == "near" or len(left) <= len(right)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_what_stays_has_no_duplicates_left(seed: int) -> None:
    documents = collection(seed)
    ids = list(documents)
    left_out = {ids[one.row] for one in found(documents)}
    assert found({name: text for name, text in documents.items() if name not in left_out}) == []


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.tuples(st.integers(0, 7), st.integers(0, 7)), st.tuples(st.floats(0, 1), st.booleans())))
def test_representatives_never_match_and_cover_all_their_members(
    edges: dict[tuple[int, int], tuple[float, bool]],
) -> None:
    pairs = {(min(pair), max(pair)): value for pair, value in edges.items() if pair[0] != pair[1]}
    covers: dict[int, dict[int, _Match]] = {}
    for (first, second), (likeness, mutual) in pairs.items():
        covers.setdefault(first, {})[second] = _Match(first, likeness, 1.0)
        if mutual:
            covers.setdefault(second, {})[first] = _Match(second, likeness, 1.0)
    stars = _stars(covers)
    assert all(first in stars or second in stars for first, second in pairs)
    assert all(match.of not in stars and covers[match.of][text] is match for text, match in stars.items())


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_unrelated_documents_change_nothing(seed: int) -> None:
    documents = collection(seed)
    others = {f"x{at}": f"{at} {article(10**7 + seed + at, chinese=at % 2 == 0)}" for at in range(10)}
    assert by_name(documents | others, found(documents | others)) == by_name(documents, found(documents))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_equal_texts_always_meet(texts: list[str]) -> None:
    documents = {f"{at:02d}": text for at, text in enumerate(texts * 2)}
    duplicates = found(documents)
    heads = {one.row: one.duplicate_of for one in duplicates}
    for at, text in enumerate(texts):
        if text.split():
            assert heads.get(at, at) == heads.get(at + len(texts), at + len(texts))


def test_empty_texts_are_duplicates_of_nothing() -> None:
    assert found({"a": "", "b": " \n", "c": ""}) == []


def test_very_short_texts_match_only_when_equal() -> None:
    duplicates = found(
        {"a": "关于印发通知", "b": "关于印发通知", "c": "关于印发通报", "d": "read more", "e": "read  more"}
    )
    assert [(d.row, d.duplicate_of, d.method) for d in duplicates] == [(1, 0, "exact"), (4, 3, "exact")]


@pytest.mark.parametrize("chinese", [True, False])
def test_each_kind_of_copy_is_named(chinese: bool) -> None:
    base = article(1, n=200, chinese=chinese)
    documents = {"0": base, "1": base, "2": edit(base, 0.05, 1), "3": base[: len(base) * 45 // 100]}
    methods = {name: (head, method) for name, (head, method, *_) in by_name(documents, found(documents)).items()}
    assert methods == {"1": ("0", "exact"), "2": ("0", "near"), "3": ("0", "contained")}


@pytest.mark.parametrize("chinese", [True, False])
def test_a_short_text_never_stands_for_the_long_one_around_it(chinese: bool) -> None:
    story, others = article(2, n=100, chinese=chinese), article(3, n=120, chinese=chinese)
    (one,) = found({"a": story, "b": f"{others}\n{story}"})
    assert (one.row, one.method) == (0, "contained")


def test_a_chain_of_likeness_is_cut_at_its_ends() -> None:
    words = article(4, n=400, chinese=False).split()
    links = {f"{at}": " ".join(words[at * 30 : at * 30 + 120]) for at in range(8)}
    duplicates = found(links)
    assert len({one.cluster_id for one in duplicates}) > 1
    assert all(one.jaccard >= 0.5 for one in duplicates)


BULLETIN = (
    "国家疾控局通报：{month}月{day}日0—24时，31个省区市报告新增病例{a}例，其中境外输入{b}例，本土{c}例；"
    "当日新增治愈出院{d}例，解除医学观察的密切接触者{e}人，重症病例较前一日减少{f}例。"
)
PRICES = (
    "On {day} {month} 2024 the allowance closed at {a}.{b} yuan a tonne on the national carbon market, with a volume"
    " of {c} tonnes and a turnover of {d} yuan, the exchange in Shanghai said, after {e} trades by {f} firms."
)


@pytest.mark.parametrize("form", [BULLETIN, PRICES])
def test_bulletins_with_other_figures_stay_apart_and_their_reposts_do_not(form: str) -> None:
    rng = random.Random(5)
    texts = [
        form.format(month=at + 1, day=at + 3, **{letter: rng.randrange(10, 9000) for letter in "abcdef"})
        for at in range(6)
    ]
    documents = {f"{at}": text for at, text in enumerate(texts)}
    assert found(documents) == []
    reposts = documents | {f"r{at}": f"本报讯 {text}（编辑 张三）" for at, text in enumerate(texts)}
    heads = {frozenset((name[-1], head[-1])) for name, (head, *_) in by_name(reposts, found(reposts)).items()}
    assert heads == {frozenset(str(at)) for at in range(6)}


def test_days_far_apart_ask_for_more_likeness() -> None:
    base = article(6, n=200, chinese=True)
    edited, repost = edit(base, 0.08, 2), f"本报讯 {base}"
    assert len(found({"a": base, "b": edited}, {"a": 19000, "b": 19001})) == 1
    assert len(found({"a": base, "b": edited}, {"a": 19000, "b": -1})) == 1
    assert found({"a": base, "b": edited}, {"a": 19000, "b": 19400}) == []
    assert len(found({"a": base, "b": repost}, {"a": 19000, "b": 19400})) == 1


def test_thresholds_are_obeyed() -> None:
    base = article(7, n=200, chinese=True)
    documents = {"a": base, "b": edit(base, 0.05, 2)}
    (one,) = found(documents)
    assert found(documents, jaccard=one.jaccard + 0.01, containment=1.0) == []
    assert len(found(documents, jaccard=one.jaccard, containment=1.0)) == 1


def test_a_site_full_of_one_page_takes_no_quadratic_time() -> None:
    base = article(8, n=60, chinese=True)
    documents = {f"{at:05d}": f"{base}{HAN[at % 40]}{HAN[at // 40 % 40]}" for at in range(1600)}
    start = time.process_time()
    duplicates = found(documents)
    assert len(duplicates) == 1599
    assert time.process_time() - start < 5
