"""A result is known by everything that it depends on."""

from __future__ import annotations

import pytest

from pipeline.settings import Settings
from pipeline.store.fingerprint import clean_fingerprint, collection_fingerprint, dependencies_of, limits_of
from pipeline.types import RawInput

INPUTS = [RawInput("a.jsonl", 3, 0, "0" * 64)]


@pytest.mark.parametrize("name", ["text_field", "url_field", "time_field", "max_record_mb"])
def test_what_is_read_depends_on_the_settings_that_say_how(name: str) -> None:
    other = Settings(**{name: 7 if name == "max_record_mb" else "正文"})
    before, after = dependencies_of(Settings()), dependencies_of(other)
    assert clean_fingerprint(INPUTS, before) != clean_fingerprint(INPUTS, after)
    assert collection_fingerprint(INPUTS, [], before, Settings()) != collection_fingerprint(INPUTS, [], after, other)


def test_what_is_only_tried_does_not_count() -> None:
    before, after = dependencies_of(Settings()), dependencies_of(Settings(max_file_mb=7, memory_mb=600, workers=3))
    assert clean_fingerprint(INPUTS, before) == clean_fingerprint(INPUTS, after)


def test_the_fields_reach_the_readers() -> None:
    limits = limits_of(Settings(text_field="doc.body", url_field="u", time_field="t"))
    assert (limits["text_field"], limits["url_field"], limits["time_field"]) == ("doc.body", "u", "t")
