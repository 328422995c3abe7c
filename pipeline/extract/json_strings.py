"""Strings of JSON by the name they are given under, with their places, without parsing: scripts of pages are often broken."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

MAX_JSON = 400_000  # code points of a script that are read
MAX_STRING = 100_000  # code points of one string
_END = re.compile(r'"|\\.', re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,500}>")


class JsonString(NamedTuple):
    """A string between its quotes: where it stands in the script, and what it says."""

    name: str
    start: int
    end: int
    text: str


def json_strings(script: str, names: tuple[str, ...]) -> Iterator[JsonString]:
    """The strings given under these names, in order; mark-up in them left out, escapes and entities resolved."""
    script = script[:MAX_JSON]
    at = 0
    while match := _given(names).search(script, at):
        at = start = match.end()
        while (mark := _END.search(script, at, start + MAX_STRING)) and mark[0] != '"':
            at = mark.end()
        if mark is None:
            return
        at = mark.end()
        yield JsonString(match[1], start, mark.start(), _plain(script[start : mark.start()]))


@lru_cache(maxsize=16)
def _given(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f'"({"|".join(names)})"\\s{{0,9}}:\\s{{0,9}}"')


def _plain(raw: str) -> str:
    try:
        text = str(json.loads(f'"{raw}"', strict=False)) if "\\" in raw else raw
    except ValueError:
        text = raw
    return html.unescape(_TAG.sub(" ", text) if "<" in text else text)
