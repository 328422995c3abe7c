import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup import clusters
from pipeline.dedup.candidates import candidates, measure, pairs_of, passes
from pipeline.dedup.clusters import SHARE, Duplicate, _Likeness, _stars, find_duplicates, make_index
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


def plain_matches(index, rows, load, jaccard, containment):
    """The rule said with an object a pair: by rank, (representative, jaccard, containment) of each text left out."""
    sizes, days = index.n_shingles[rows].astype(np.int64), index.day[rows].astype(np.int64)
    pairs = pairs_of(candidates(index.minhash[rows], sizes, jaccard=jaccard, containment=containment), len(rows))
    tested, covers, stars = set(map(tuple, pairs.tolist())), {}, {}
    for _ in range(4):
        overlap = measure(pairs, rows, load)
        good = passes(overlap, days[pairs], sizes[pairs], jaccard=jaccard, containment=containment)
        for (left, right), fine, j, c in zip(pairs.tolist(), good, overlap.jaccard, overlap.containment, strict=True):
            if fine:
                covers.setdefault(left, {})[right] = (left, j, c)
                if j >= jaccard and sizes[right] >= SHARE * sizes[left]:
                    covers.setdefault(right, {})[left] = (right, j, c)
        stars = plain_stars(covers)
        head = {text: match[0] for text, match in stars.items()}
        edges = [(a, b) for a, others in covers.items() for b in others]
        near = {(a, head.get(b, b)) for a, b in edges} | {(head.get(a, a), b) for a, b in edges}
        near |= {(head.get(a, a), head.get(b, b)) for a, b in edges}
        missed = sorted({(min(a, b), max(a, b)) for a, b in near if a != b} - tested)
        if not missed:
            break
        tested.update(missed)
        pairs = np.array(missed, np.int64)
    return stars


def plain_stars(covers):
    below = {b for a, others in covers.items() for b in others if a not in covers.get(b, {})}
    above = sorted({*covers, *below} - below, key=lambda text: (-len(covers[text]), text))
    heads, covered = [], set()
    for text in (*above, *sorted(below)):
        if text not in covered:
            heads.append(text)
            covered.update(covers.get(text, {}))
    stars = {}
    for head in heads:
        for text, (of, j, c) in covers.get(head, {}).items():
            if text not in stars or (j, c, -of) > (stars[text][1], stars[text][2], -stars[text][0]):
                stars[text] = (of, j, c)
    return stars


def said(stars):
    return {
        text: (int(of), stars.jaccard[text], stars.containment[text]) for text, of in enumerate(stars.of) if of >= 0
    }


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(2, 60), st.sampled_from([0.3, 0.5, 0.8]), st.integers(1, 9))
def test_verdicts_are_those_of_the_rule_said_plainly(seed: int, copies: int, jaccard: float, block: int) -> None:
    rng = random.Random(seed)
    base = article(seed, n=90, chinese=bool(seed % 2))
    documents = collection(seed) | {f"c{at:03d}": edit(base, rng.choice([0, 0.02, 0.2]), at) for at in range(copies)}
    documents |= {f"p{at}": edit(base, 0.05, at)[: len(base) * (at + 2) // 8] for at in range(6)}
    ids, signatures = list(documents), [sign(text) for text in documents.values()]
    index = make_index(ids, signatures, [rng.choice([-1, 19000, 19400]) for _ in ids])
    rows = np.array(sorted(range(len(ids)), key=lambda row: (-index.n_shingles[row], ids[row])), np.int64)
    rows = rows[index.n_shingles[rows] >= clusters.MIN_SHINGLES]

    def load(asked: Sequence[int]) -> list[np.ndarray]:
        return [signatures[row].shingles for row in asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters, "_BLOCK", block)  # cuts of the work change nothing
        found = clusters._matches(index, rows, (load, None), jaccard, 0.8)
    assert said(found) == plain_matches(index, rows, load, jaccard, 0.8)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.tuples(st.integers(0, 7), st.integers(0, 7)), st.tuples(st.integers(1, 9), st.booleans())),
    st.lists(st.integers(9, 30), min_size=8, max_size=8),
)
def test_representatives_never_match_and_cover_all_their_members(
    edges: dict[tuple[int, int], tuple[int, bool]], sizes: list[int]
) -> None:
    pairs = sorted({(min(pair), max(pair)): value for pair, value in edges.items() if pair[0] != pair[1]}.items())
    left, right = (np.array([pair[side] for pair, _ in pairs], np.int32) for side in (0, 1))
    shared, mutual = (np.array([value[at] for _, value in pairs], kind) for at, kind in ((0, np.int32), (1, bool)))
    stars = said(_stars(_Likeness(left, right, mutual, shared), np.array(sizes, np.int64)))
    covers: dict[int, dict[int, tuple[int, float, float]]] = {}
    for (one, other), (n, both_ways) in pairs:
        likeness = n / (sizes[one] + sizes[other] - n), n / min(sizes[one], sizes[other])
        covers.setdefault(one, {})[other] = (one, *likeness)
        if both_ways:
            covers.setdefault(other, {})[one] = (other, *likeness)
    assert stars == plain_stars(covers)
    assert all(one in stars or other in stars for (one, other), _ in pairs)
    assert all(match[0] not in stars and covers[match[0]][text] == match for text, match in stars.items())


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


def test_a_site_full_of_one_page_costs_some_pairs_a_page_and_hardly_any_memory() -> None:
    base = article(8, n=60, chinese=True)
    documents = {f"{at:05d}": f"{base}{HAN[at % 40]}{HAN[at // 40 % 40]}" for at in range(1600)}
    compared = []
    real = clusters._likeness
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters, "_likeness", lambda pairs, *rest: compared.append(pairs) or real(pairs, *rest))
        assert len(found(documents)) == 1599
    assert len(compared[-1].codes) < 250 * 1600
    assert compared[-1].codes.nbytes + compared[-1].shared.nbytes == 12 * len(compared[-1].codes)
