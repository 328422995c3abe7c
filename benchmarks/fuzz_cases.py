"""Hostile inputs for ``benchmarks.fuzz``, made from a seed: each family is a function from a random source to a Case.

Canaries are sentences whose middle can be told apart by a number; a family puts some into its input, most at places
drawn by lot, and the oracle says whether a reader would see them there. To add a family, write the function and name
it in FAMILIES; to add a form of broken mark-up, add a string to a table.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.fuzz_pieces import (
    ASCII_BASED,
    BROKEN,
    CHINESE,
    CLOSE,
    CONTROLS,
    ENGLISH,
    ENTITIES,
    LINE_ENDS,
    MARKDOWN,
    OPEN,
    OTHERS,
    TAGS,
    WIDE,
)

MAX_CHARS: Final = 150_000  # of an input


@dataclass(frozen=True, slots=True)
class Case:
    """One input file, and what the oracle must know of it."""

    family: str
    name: str  # of the file; its suffix says the format
    raw: bytes
    encoding: str = "utf-8"  # the true one, a Python codec
    planted: tuple[str, ...] = ()  # cores that must reach a record, unless part of the file is rejected
    chinese: bool = True  # whether the decoder can be sure of what is beyond ASCII
    exact: bool = True  # whether the raw bytes may be made smaller and stay the same case


def canary(number: int, chinese: bool) -> str:
    """A sentence; its core, of which all must be found again, leaves out four characters at either end."""
    return f"【金丝雀{number:04d}号在港口报告碳价】" if chinese else f"Q==Canary {number:04d} sings of prices==Q"


def core(number: int, chinese: bool) -> str:
    """What of a canary must be found, without white space."""
    return f"雀{number:04d}号在港口报告" if chinese else f"nary{number:04d}singsofpri"


CANARIES: Final = tuple((number, chinese) for number in (17, 4203, 9058) for chinese in (False, True))


def _sentence(rng: random.Random) -> str:
    return rng.choice(rng.choices((ENGLISH, CHINESE, OTHERS, CONTROLS, ENTITIES), (6, 6, 2, 1, 2))[0])


def _plant(text: str, rng: random.Random, n_most: int = 4) -> str:
    """The text with a few canaries at places drawn by lot."""
    for number, chinese in rng.sample(CANARIES, rng.randint(1, n_most)):
        at = rng.randint(0, len(text))
        pad = rng.choice(("", " ", "\n"))
        text = f"{text[:at]}{pad}{canary(number, chinese)}{pad}{text[at:]}"
    return text


def soup(rng: random.Random) -> str:
    """Broken mark-up out of the tables, with canaries among it."""
    tables = (OPEN, CLOSE, TAGS, BROKEN, ENTITIES, CONTROLS)
    weights = [rng.random() ** 2 for _ in tables]
    prose = rng.choice((0.2, 0.5, 1.0, 2.0)) * sum(weights)
    parts = []
    for _ in range(rng.randint(2, rng.choice((8, 30, 120)))):
        words = rng.random() * (prose + sum(weights)) < prose
        parts.append(_sentence(rng) if words else rng.choice(rng.choices(tables, weights)[0]))
    for number, chinese in rng.sample(CANARIES, rng.randint(1, 4)):
        parts.insert(rng.randint(0, len(parts)), canary(number, chinese))
    return "".join(parts)


def tree(rng: random.Random) -> str:
    """A well-formed page, of which some tags are then lost, doubled or swapped."""
    parts = [
        "<!DOCTYPE html>",
        "<html>",
        "<head>",
        "<title>",
        "Carbon prices | Example",
        "</title>",
        "</head>",
        "<body>",
    ]
    open_: list[str] = []
    for _ in range(rng.randint(5, 80)):
        if open_ and rng.random() < 0.4:
            parts.append(f"</{open_.pop()}>")
        elif rng.random() < 0.5:
            open_.append(rng.choice(OPEN[:60])[1:-1])
            parts.append(f"<{open_[-1]}>")
        else:
            parts.append(_sentence(rng))
    parts.extend(f"</{name}>" for name in reversed(open_))
    for _ in range(rng.randint(0, 6)):
        at, other = rng.randrange(len(parts)), rng.randrange(len(parts))
        match rng.randrange(4):
            case 0:
                parts[at] = ""
            case 1:
                parts[at] += parts[at]
            case 2:
                parts[at], parts[other] = parts[other], parts[at]
            case _:
                parts[at] += rng.choice(BROKEN)
    return _plant("".join(parts), rng)


def repeats(rng: random.Random) -> str:
    """A few pieces over and over: what is quadratic shows."""
    tables = (OPEN, CLOSE, TAGS, BROKEN, ENTITIES, OTHERS, CONTROLS, ENGLISH)
    text = rng.choice(("", "<p>", "<table><tr><td>", "<!doctype html><body>", "<a href=x>", "<pre>"))
    for _ in range(rng.randint(1, 3)):
        unit = "".join(rng.choice(rng.choice(tables)) for _ in range(rng.randint(1, 4)))
        text += unit * min(int(10 ** rng.uniform(1, 4.6)), 60_000 // len(unit))
    return _plant(text[:MAX_CHARS], rng)


def mutate(text: str, rng: random.Random, pieces: Sequence[str]) -> str:
    """A text with stretches cut out, doubled, moved, and pieces put in."""
    for _ in range(rng.randint(0, 8)):
        at, length = rng.randint(0, len(text)), int(10 ** rng.uniform(0, 3))
        match rng.randrange(5):
            case 0:
                text = text[:at] + text[at + length :]
            case 1:
                text = text[: at + length] + text[at:]
            case 2:
                text = (
                    text[:at] + text[at + length : at + 2 * length] + text[at : at + length] + text[at + 2 * length :]
                )
            case _:
                text = text[:at] + rng.choice(pieces) + text[at:]
    return text


def _flip(raw: bytes, rng: random.Random, n_most: int = 8) -> bytes:
    data = bytearray(raw)
    for _ in range(rng.randint(1, n_most) if data else 0):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at] = rng.choice(b"\0<>\"'&\x80\xff\x1b\n\xed")
            case 2:
                del data[at : at + rng.randint(1, 4)]
            case _:
                data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 4)))
        if not data:
            break
    return bytes(data)


def _html(rng: random.Random, data: Sequence[str]) -> Case:
    return Case("html soup", "a.html", soup(rng).encode())


def _tree(rng: random.Random, data: Sequence[str]) -> Case:
    return Case("html tree", "a.html", tree(rng).encode())


def _repeats(rng: random.Random, data: Sequence[str]) -> Case:
    return Case("html repeats", "a.html", repeats(rng).encode())


def _pages(rng: random.Random, data: Sequence[str]) -> Case:
    page = rng.choice(data) if data else tree(rng) * 3
    if rng.random() < 0.7:
        start, length = rng.randint(0, len(page)), int(10 ** rng.uniform(2.5, 4.5))
        page = page[start : start + length]
    text = mutate(page[:MAX_CHARS], rng, (*OPEN, *CLOSE, *TAGS, *BROKEN))
    return Case("real pages", "a.html", _plant(text, rng).encode("utf-8", "replace"))


def _prose(rng: random.Random, n_lines: int) -> str:
    lines = (" ".join(_sentence(rng) for _ in range(rng.randint(1, 4))) for _ in range(n_lines))
    return "".join(line + rng.choice(LINE_ENDS[: rng.choice((2, len(LINE_ENDS)))]) for line in lines)


def _plain(rng: random.Random, data: Sequence[str]) -> Case:
    text = _prose(rng, rng.randint(0, 40))
    if rng.random() < 0.2:
        text += rng.choice((*LINE_ENDS, *OTHERS, *CONTROLS)) * int(10 ** rng.uniform(1, 4))
    return Case("plain", "a.txt", _plant(mutate(text, rng, (*CONTROLS, *OTHERS)), rng).encode("utf-8", "replace"))


def _samples(rng: random.Random, data: Sequence[str]) -> Case:
    texts = [text for text in data if "<html" not in text[:2000].lower() and "</" not in text] or [_prose(rng, 20)]
    text = _plant(mutate(rng.choice(texts), rng, (*CONTROLS, *OTHERS, *CHINESE)), rng)
    raw = text.encode("utf-8", "replace")
    if rng.random() < 0.5:
        return Case("raw samples", "a.txt", raw)
    return Case("raw samples", "a.txt", _flip(raw, rng), chinese=False)


def _markdown(rng: random.Random, data: Sequence[str]) -> Case:
    parts = [rng.choice(MARKDOWN) if rng.random() < 0.6 else _sentence(rng) for _ in range(rng.randint(2, 60))]
    if rng.random() < 0.1:
        unit = "".join(rng.choice(MARKDOWN) for _ in range(rng.randint(1, 3)))
        parts.append(unit * min(int(10 ** rng.uniform(1, 4)), 60_000 // len(unit)))
    return Case("markdown", "a.md", _plant("".join(parts), rng).encode())


def _charsets(rng: random.Random, data: Sequence[str]) -> Case:
    """Pages and texts in every charset, with true, false and no declaration."""
    is_html = rng.random() < 0.6
    sentences = [_sentence(rng) for _ in range(rng.randint(1, 30))]
    text = _plant("".join(f"<p>{s}</p>\n" if is_html else f"{s}\n" for s in sentences), rng)
    name = "a.html" if is_html else "a.txt"
    if rng.random() < 0.2:
        encoding, mark = rng.choice(WIDE)
        return Case("charsets", name, mark + text.encode(encoding, "replace"), encoding)
    encoding = rng.choice(ASCII_BASED)
    declared = rng.choice((None, encoding, encoding, *ASCII_BASED, "utf-16", "iso-2022-jp", "x-user-defined", "nonsense"))  # fmt: skip
    if is_html and declared:
        text = f'<meta charset="{declared.replace("_", "-")}">\n{text}'
    raw = text.encode(encoding, "ignore")
    if encoding == "utf-8" and rng.random() < 0.3:
        raw = b"\xef\xbb\xbf" + raw
    if rng.random() < 0.3:
        return Case("charsets", name, _flip(raw, rng), encoding, chinese=False)
    told = is_html and declared == encoding and encoding in ("gb18030", "gbk", "big5", "big5hkscs", "euc_kr", "euc_jp")
    return Case("charsets", name, raw, encoding, chinese=encoding == "utf-8" or told)


def _glued(rng: random.Random, data: Sequence[str]) -> Case:
    """Lines of several charsets in one file."""
    encodings = rng.sample(ASCII_BASED, 2)
    lines = [_sentence(rng).encode(rng.choice(encodings), "ignore") for _ in range(rng.randint(2, 30))]
    lines.insert(rng.randint(0, len(lines)), canary(17, False).encode())
    return Case("glued charsets", rng.choice(("a.txt", "a.html", "a.md")), b"\n".join(lines), chinese=False)


def _noise(rng: random.Random, data: Sequence[str]) -> Case:
    """Bytes by lot, of which a part may be text."""
    raw = bytes(rng.choices(range(256), k=rng.randint(1, 300))) + soup(rng).encode()
    raw = _flip(raw, rng, 60)
    return Case("noise", rng.choice(("a.txt", "a.html", "a.md", "a.jsonl", "a.warc", "a.gz", "a")), raw, chinese=False)


def _jsonl(rng: random.Random, data: Sequence[str]) -> Case:
    rows, planted = [], []
    for number, chinese in rng.sample(CANARIES, rng.randint(1, 5)):
        text = _plant_one(rng.choice((soup(rng), _prose(rng, 3), tree(rng), "")), rng, number, chinese)
        row = {rng.choice(("text", "content", "html", "正文", "body")): text, "url": rng.choice(("http://a.cn/x", "\ud800", 5, None)),
               "title": rng.choice((None, "T\u202e\0", "标题", 7)), "date": rng.choice((None, "2026-02-30", 1e400, "2026年3月4日"))}  # fmt: skip
        rows.append(json.dumps(row, ensure_ascii=rng.random() < 0.5).encode("utf-8", "replace"))
        planted.append(core(number, chinese))
    raw = rng.choice((b"\n", b"\r\n", b"\n\n")).join(rows)
    if rng.random() < 0.3:
        return Case("jsonl", "a.jsonl", _flip(raw, rng), chinese=False)
    return Case("jsonl", "a.jsonl", raw, planted=tuple(planted))


def _plant_one(text: str, rng: random.Random, number: int, chinese: bool) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + canary(number, chinese) + text[at:]


def _warc(rng: random.Random, data: Sequence[str]) -> Case:
    parts, planted = [], []
    for number, chinese in rng.sample(CANARIES, rng.randint(1, 5)):
        body = _plant_one(tree(rng), rng, number, chinese).encode()
        http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html%s\r\n\r\n" % rng.choice((b"", b"; charset=utf-8")) + body
        head = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://example.org/\r\nContent-Type: application/http\r\n"  # fmt: skip
        record = head + b"Content-Length: %d\r\n\r\n" % len(http) + http + b"\r\n\r\n"
        parts.append(gzip.compress(record, 1, mtime=0))
        planted.append(core(number, chinese))
    zipped = rng.random() < 0.7
    raw = b"".join(parts if zipped else map(gzip.decompress, parts))
    name = "a.warc.gz" if zipped else "a.warc"
    if rng.random() < 0.6:
        return Case("warc", name, _flip(raw, rng, 3), chinese=False, exact=not zipped)
    return Case("warc", name, raw, planted=tuple(planted), exact=not zipped)


def _gzip(rng: random.Random, data: Sequence[str]) -> Case:
    inner = rng.choice((_html, _plain, _markdown, _jsonl, _charsets))(rng, data)
    raw = gzip.compress(inner.raw, 1, mtime=0)
    if rng.random() < 0.5:
        return replace(inner, family="gzip", name=inner.name + ".gz", raw=_flip(raw, rng, 3), chinese=False, planted=(), exact=False)  # fmt: skip
    return replace(inner, family="gzip", name=inner.name + ".gz", raw=raw, exact=False)


#: Family to its share of the cases. ``data`` are texts of real files, for the families that begin with one.
FAMILIES: Final[Mapping[Callable[[random.Random, Sequence[str]], Case], int]] = {
    _html: 30, _tree: 12, _repeats: 4, _pages: 14, _plain: 8, _samples: 6, _markdown: 14, _charsets: 10, _glued: 3, _noise: 3, _jsonl: 5,
    _warc: 4, _gzip: 4,
}  # fmt: skip


def make(seed: int, data: Sequence[str] = ()) -> Case:
    """The case of a seed; the same for the same data."""
    rng = random.Random(seed)
    return rng.choices(list(FAMILIES), list(FAMILIES.values()))[0](rng, data)
