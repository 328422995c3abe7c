"""What the signals of quality promise."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels import TEXT, as_written, of_one_type, same

from pipeline.text import quality as module
from pipeline.text.codes import code_points
from pipeline.text.quality import QUALITY_FIELDS, Quality, measure_quality
from pipeline.text.tokens import count_cjk, count_tokens, tokens

ENGLISH = ["The market opened in July.", "Prices rose by 3.5% in a week.", "Will it last?"]
CHINESE = ["全国碳市场于7月启动。", "价格一周上涨3.5%。", "能持续吗？"]

texts = st.lists(st.text(alphabet=st.sampled_from("ab Z9.,。碳市场，…#\ufffd\n𠀀ー·_é"), max_size=40), max_size=6)


def measure(lines: list[str]) -> Quality:
    return measure_quality("\n\n".join(lines), lines)


def test_descriptions_are_in_step_with_the_fields() -> None:
    assert [name for name, _ in QUALITY_FIELDS] == [field.name for field in fields(Quality)]
    assert all(description for _, description in QUALITY_FIELDS)


@given(texts)
@settings(max_examples=150, deadline=None)
def test_counts_agree_with_tokens_and_ratios_are_ratios(lines: list[str]) -> None:
    text = "\n\n".join(lines)
    quality = measure(lines)
    assert quality.n_chars == len(text)
    assert quality.n_tokens == count_tokens(text)
    assert quality.n_lines == sum(1 for line in lines if line.strip())
    visible = sum(1 for char in text if not char.isspace())
    assert quality.cjk_ratio == pytest.approx(count_cjk(text) / visible if visible else 0.0)
    assert all(0.0 <= value <= 1.0 for name, value in asdict(quality).items() if name.endswith("ratio"))
    assert 0.0 <= quality.listness <= 1.0


@given(st.lists(st.sampled_from(["carbon", "market", "碳", "in", "ni", "rn", "2024"]), max_size=60))
@settings(max_examples=100, deadline=None)
def test_repeated_runs_agree_with_counting_them(words: list[str]) -> None:
    text = " ".join(words)
    found = tokens(text)
    grams = [tuple(found[i : i + 4]) for i in range(len(found) - 3)]
    expected = 1 - len(set(grams)) / len(grams) if grams else 0.0
    assert measure_quality(text, [text]).repeated_4gram_ratio == pytest.approx(expected)


@given(st.text(max_size=300))
@settings(max_examples=80, deadline=None)
def test_any_text_can_be_measured(text: str) -> None:
    assert measure_quality(text, text.splitlines()).n_tokens == count_tokens(text)


def test_mean_line_tokens_is_of_the_lines() -> None:
    quality = measure(["one two three", "", "碳市场 COP29"])
    assert quality.n_lines == 2
    assert quality.mean_line_tokens == pytest.approx((3 + 4) / 2)


def test_english_and_chinese_sentences_end_alike() -> None:
    assert measure(ENGLISH).sentence_end_ratio == measure(CHINESE).sentence_end_ratio == 1.0
    assert measure(ENGLISH).listness == measure(CHINESE).listness == 0.0


@pytest.mark.parametrize("line", ["他说：“可以。”", 'She said "yes."', "（完。）", "见下文。[1]"])
def test_quotes_and_brackets_may_follow_the_end(line: str) -> None:
    assert measure([line]).sentence_end_ratio == 1.0


def test_a_menu_is_a_list() -> None:
    assert measure(["首页", "新闻中心", "联系我们", "Home", "About us"]).listness == 1.0


def test_word_length_leaves_chinese_out() -> None:
    assert measure(["碳市场 abcd ef"]).mean_word_chars == pytest.approx(3.0)
    assert measure(CHINESE[2:]).mean_word_chars == 0.0


def test_ratios_of_characters() -> None:
    quality = measure_quality("Ab #1，\ufffd碳", ["Ab #1，\ufffd碳"])
    assert quality.upper_ratio == pytest.approx(1 / 2)
    for name in ("symbol_ratio", "digit_ratio", "punctuation_ratio", "replacement_ratio", "cjk_ratio"):
        assert getattr(quality, name) == pytest.approx(1 / 7), name


def test_repeated_and_cut_lines() -> None:
    quality = measure(["更多……", "Read more...", "更多……", "更多……"])
    assert quality.repeated_line_ratio == pytest.approx(2 / 4)
    assert quality.ellipsis_ratio == 1.0


def test_nothing_measures_nothing() -> None:
    assert set(asdict(measure_quality("", [])).values()) == {0}
    assert measure_quality(" \n ", [" "]).n_lines == 0


@given(TEXT)
@settings(deadline=None)
def test_the_compiled_loops_say_what_their_source_and_plain_python_say(text: str) -> None:
    classes, hashes = module._walk(code_points(text), module._class_table())
    grams = module._grams(hashes)
    base, mask = int(module._BASE), (1 << 64) - 1
    expected = [sum(ord(char) * base**at for at, char in enumerate(token)) & mask for token in tokens(text)]
    assert hashes.tolist() == expected
    runs = [tuple(expected[at : at + 4]) for at in range(len(expected) - 3)]
    assert len(grams) == len(runs)
    assert len(set(grams.tolist())) == len(set(runs))
    of_char = [module._CJK if count_cjk(char) else module._class_of(char) for char in text if ord(char) < 0x20000]
    beyond = [module._CJK if count_cjk(char) else module._OTHER for char in text if ord(char) >= 0x20000]
    assert classes.tolist() == [(of_char + beyond).count(one) for one in range(10)]
    with as_written(module, "_walk", "_grams"):
        assert same((classes, hashes), module._walk(code_points(text), module._class_table()))
        assert same(grams, module._grams(hashes))


def test_each_loop_is_compiled_for_one_type_of_arrays() -> None:
    for text in ("", "碳市场", "one two three four five six"):
        measure([text])
    assert of_one_type(module, "_walk", "_grams")
