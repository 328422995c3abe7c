import unicodedata

import numpy as np
import pytest
from growth import linear, repeated
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.signature import N_HASHES, _minhash, from_bytes, sign, to_bytes
from pipeline.text.tokens import count_tokens

NOTICE = "生态环境部今天（3月25日）发布《全国碳排放权交易市场建设方案》，覆盖96家重点排放单位。"
REPORT = "The ministry said on 25 March 2024 that the carbon market will cover 96 more firms."


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_has_a_signature_that_survives_storage(text: str) -> None:
    signature = sign(text)
    assert len(signature.text_sha256) == 64
    assert signature.minhash.shape == (N_HASHES,)
    assert np.all(np.diff(signature.shingles.astype(np.int64)) > 0)
    assert signature.n_shingles == len(signature.shingles)
    assert np.array_equal(from_bytes(to_bytes(signature.shingles)), signature.shingles)
    assert np.array_equal(from_bytes(to_bytes(signature.minhash)), signature.minhash)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("aB9 é,。碳市ｘ５한カ\u3005\U00020001\U000e0100 \n"), max_size=80))
def test_tokens_are_those_counted_everywhere(text: str) -> None:
    assert sign(text).n_tokens == count_tokens(unicodedata.normalize("NFC", text))


def test_every_code_point_has_the_class_that_counting_gives_it() -> None:
    for begin in range(0, 0x40100, 0x100):
        text = " ".join(map(chr, range(begin, begin + 0x100)))
        assert sign(text).n_tokens == count_tokens(unicodedata.normalize("NFC", text)), hex(begin)


@pytest.mark.parametrize("text", [NOTICE, REPORT])
def test_white_space_and_composition_do_not_matter(text: str) -> None:
    spaced = "\n " + text.replace(" ", "  \u00a0") + " \u3000"
    assert sign(spaced).text_sha256 == sign(text).text_sha256
    assert sign("cafe\u0301").text_sha256 == sign("café").text_sha256


def test_case_and_width_part_equal_texts_but_not_shingles() -> None:
    for one, other in [
        (REPORT, REPORT.upper()),
        (NOTICE, NOTICE.replace("25", "２５")),
        ("网络资讯平台", "網絡資訊平臺"),
    ]:
        assert sign(one).text_sha256 != sign(other).text_sha256
        assert np.array_equal(sign(one).shingles, sign(other).shingles)


def test_few_tokens_make_one_shingle_and_none_make_none() -> None:
    assert [sign(text).n_shingles for text in ("", "。！", "碳", "net zero", "1", "碳市场")] == [0, 0, 1, 1, 1, 1]
    assert len({sign(text).shingles[0] for text in ("碳", "市", "碳市", "市碳", "1", "net", "net zero")}) == 7


@pytest.mark.parametrize(("text", "n_numbers"), [(NOTICE, 3), (REPORT, 3), ("没有数字的一句话", 0)])
def test_numbers_are_marked(text: str, n_numbers: int) -> None:
    assert np.count_nonzero(sign(text).shingles & 1) == n_numbers


def test_order_of_tokens_matters() -> None:
    assert not np.intersect1d(sign("one two three four").shingles, sign("four three two one").shingles).size
    assert not np.intersect1d(sign("1121 碳").shingles, sign("1211 碳").shingles).size


def test_a_long_token_or_text_hashes_as_anywhere_else() -> None:
    word = "x" * 5000
    assert sign(f"a b {word}").shingles[0] == sign(f"a  b\n{word}").shingles[0]
    far = sign("碳" * 70_000 + " one two three").shingles
    assert np.isin(sign("one two three").shingles, far).all()


@pytest.mark.parametrize("size", [12, 60, 400, 3000])
@pytest.mark.parametrize("jaccard", [0.25, 0.5, 0.8])
def test_minhash_estimates_jaccard_without_bias(size: int, jaccard: float) -> None:
    rng = np.random.default_rng(size)
    common = round(size * jaccard)
    rest = (size - common) // 2
    estimates = []
    for _ in range(60):
        words = rng.integers(0, 2**32, common + 2 * rest, dtype=np.uint32)
        left, right = words[: common + rest], np.concatenate([words[:common], words[common + rest :]])
        estimates.append(np.mean(_minhash(np.unique(left)) == _minhash(np.unique(right))))
    assert abs(np.mean(estimates) - common / (common + 2 * rest)) < 0.04


@pytest.mark.parametrize("bait", ["a", "碳", "1,", " ", "。"])
def test_signing_is_linear(bait: str) -> None:
    assert linear(sign, repeated(bait), 100_000)
