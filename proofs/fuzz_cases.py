"""Hostile inputs for ``proofs.fuzz``, made from a seed: each family is a function from a random source to a Case.

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

MAX_CHARS: Final = 150_000  # of an input

# Pieces that inputs are made of. Whatever breaks a parser in the wild is one more string in one of these tables.

ENGLISH: Final = (
    "The regional carbon market opened on Monday with a modest volume of trades.",
    "Prices rose by 3.2% after the ministry published its allocation plan for 2027.",
    "Analysts expect that steel mills will need more allowances next year.",
    "“We are ready,” said the head of the exchange; others were less certain.", "Read more", "Home",
    "Copyright © 2026 Example News. All rights reserved.", "Source: Harbour Daily  2026-03-04 10:20",
    "(Reuters) March 4 - R&D spending on storage doubled", "I.", "2026", "»",
)  # fmt: skip

CHINESE: Final = (
    "全国碳市场昨日开市，首日成交量为四百一十万吨，成交额超过两亿元。",
    "生态环境部表示，将逐步扩大行业覆盖范围，并完善配额分配方法。",
    "受访企业认为，碳价上涨有利于节能改造，但短期内成本压力不小。",
    "“碳达峰”行动方案要求：到2030年，非化石能源消费比重达到25%左右。", "首页", "相关阅读", "京ICP备12345678号-1",
    "来源：绿色日报\u30002026年3月4日", "责任编辑：王小明", "【打印】【关闭】", "（完）",
)  # fmt: skip

#: Other scripts, mojibake, and characters that are repaired.
OTHERS: Final = (
    "Ｆｕｌｌ\u3000ｗｉｄｔｈ", "가격이 올랐다", "炭素市場は月曜日に開いた。", "Цены выросли", "می\u200cخواهم",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e8\U0001f1f3", "e\u0301\u0323", "ÖÐ¹ú", "â€œquotedâ€",
    "a\u0301\u0302\u0303\u0304" * 9, "\u202eabc\u202c", "\ufeff", "\xad", "\u200b", "\xa0", "\u3000", "\ufffd",
    "\U0001f600", "\U000e0041",
)  # fmt: skip

CONTROLS: Final = (
    "\x00", "\x01", "\x08", "\x0b", "\x0c", "\r", "\r\n", "\n", "\t", "\x1b[31m", "\x1b$B", "\x1a", "\x7f", "\x85",
    "\u2028", "\u2029",
)  # fmt: skip

ENTITIES: Final = (
    "&nbsp;", "&amp;", "&lt;p&gt;", "&#0;", "&#x80;", "&#xD800;", "&#55357;&#56832;", "&#x110000;",
    "&#99999999999999;", "&copy", "&notit;", "&#", "&#x", "&", "&;", "&#8238;", "&zwj;", "&shy;",
    "&ZeroWidthSpace;", "&#13;", "&#10;", "&Tab;", "&NewLine;", "&ampamp;", "&#x4e2d;",
)  # fmt: skip

_NAMES: Final = (
    "p div span a b i em strong font center ul ol li dl dt dd h1 h2 h6 table tbody tr td th caption thead tfoot "
    "colgroup col section article nav header footer aside main form button select option optgroup textarea label "
    "fieldset legend pre code blockquote q details summary html head body svg math mtext mi desc foreignObject "
    "annotation-xml template noscript noframes frameset iframe object video audio canvas script style title xmp "
    "noembed plaintext marquee nobr ruby rt rp hgroup figure figcaption search slot custom-element o:p dialog "
    "menu dir address listing applet embed input img br hr wbr link meta base area image isindex keygen frame "
    "param source track"
)
OPEN: Final = tuple(f"<{name}>" for name in _NAMES.split())
CLOSE: Final = tuple(f"</{name}>" for name in _NAMES.split())

#: Tags with attributes, or spelled oddly.
TAGS: Final = (
    '<div class="article content" id=main>', '<a href="/x?a=1&b=2">', "<a href=x>", "<P ALIGN=CENTER>", "<Br/>",
    "<p/>", "<div/>", "<script/>", "<style/>", "<title/>", "<textarea/>", '<p style="display:none">', "<p hidden>",
    '<div aria-hidden="true">', "<table role=presentation>", '<svg viewBox="0 0 1 1"/>',
    "<SCRIPT TYPE=text/javascript>", "</SCRIPT >", "</script\n>", "</ script>", "<title >", "</TITLE>",
    "<li class=a class=b>", '<meta charset="gb2312">', "<meta charset=utf-8>",
    '<meta http-equiv=content-type content="text/html; charset=big5">', "<frame src=x>",
    '<meta name=author content="A\x00B\u202e">', '<meta property="og:title" content="T &#xD800; &lt;b&gt;">',
    '<link rel=canonical href="/x\ny">', '<html lang="zh-CN">', '<body onload="a>b">',
    '<template shadowrootmode="open">', '<input value="a>b">', "<img alt='a>b' src=x>", "<a name=top>",
    "<td rowspan=9999 colspan=9999>", "<ol start=99>", "<br clear=all>", "<p\x0cclass=x>", "<p\x00>", "<a\x00b>",
    '<div\n\n\tid = "x"  >',
)  # fmt: skip

#: What is left open, doubled, crossed, or no mark-up after all.
BROKEN: Final = (
    "<", ">", "</", "<>", "</>", "< p>", "</ p>", "<!", "<!>", "<!-", "<!--", "<!-->", "<!--->", "-->", "--!>",
    "--", "<!----!>", "<!-- x --", "<!--x->", "<?php echo '>' ?>", "<?xml version='1.0' encoding='gbk'?>", "<?",
    "<![CDATA[", "]]>", "<![endif]-->", "<!--[if lt IE 9]>", "<![if !IE]>", "<!DOCTYPE html>", "<!doctype html [",
    "]>", "<!ENTITY a 'b'>", "<!-- <!-- -->", "<!--<script>-->", "<!-- --> -->", '<a href="', "<a href='", '<a "',
    "<a ='", '<p ="x', '<p a="x"="y', '<p a==">', "<p a='\">", "<p a=\"b'>", '<p a=x"y>', '<a href=">">',
    '<p class="x>', '<a href=x">', "'", '"', "=", "='>", '">', "/>", '<p =\n"', "<p / =' >", '<a b="c"d="e">',
    "<a b=c/d>", "<a/b/c>", "<a b=`c`>", '<a title="5" wide">', "<a title='it's'>", "<p <div>", "<div <p>text</p>",
    "<script>var a='<p>';", "<script>if(a<b)document.write('</p>')</script>", "<script><!--",
    "<script>//<![CDATA[\n", "//]]></script>", "<style><!--", "<script>a='<!--<script>'",
    '<script type=\'application/ld+json\'>{"@type":"NewsArticle","headline":"\\ud800 x","author":"A\\u202e"}</script>',
    '<script type="application/ld+json">{"@type":"Article","author":{"name":["\\udc00"]},"datePublished":"2026-13-45"}</script>',
    '<script type="application/ld+json">[{"@type":["BlogPosting"],"publisher":{"name":"\\u0000P"}}]</script>',
    "<title>An <b>odd</b> title", "<title>Carbon prices | Example</title>", "<svg><style/>", "<svg><title/>",
    "<svg><script/>", "<math><mi><p>", "<svg><p>", "<svg><![CDATA[ <p>", "<table><p>", "<table><tr>stray",
    "<select><p>", "<select><table>", "<a><a>", "<p><h1><p>", "<b><p></b>", "<font><font></font>", "<td>", "<col>",
    "<button><button>", "<form><form>", "<nobr><nobr>", "<li><ul></li>", "<dt><dd>", "</body></html>", "</br>",
    "</p>", "<image>", "<textarea>\n", "<pre>\n\n", "&lt;script&gt;", "{{ template }}", "<% asp %>", "<%", "%>",
    "<3", "a<b", "a < b", "1<2>3", "<中>", "<中文>", "</中文>", "<p中>", "<http://example.org/a>", "<a@b.org>",
)  # fmt: skip

MARKDOWN: Final = (
    "# ", "## ", "###### ", "#", "- ", "* ", "+ ", "1. ", "1) ", "> ", ">> ", "    ", "\t", "  \n", "\\\n", "\n\n",
    "\n", "---\n", "***\n", "===\n", "```\n", "```py\n", "~~~\n", "````\n", "`", "``", "*", "**", "***", "_", "__",
    "~~", "[", "]", "(", ")", "](", "][", "]: ", "![", "![]( ", "[^1]", "[^1]: ", "[a]: <b> 'c'", "<b>", "</b>",
    "<!--", "-->", "<", ">", "<https://example.org/>", "<b ", "<div class='x'>\n", "|", " | ", "|---|---|\n",
    "| a | b |\n", ":-: | -\n", "\\|", "\\*", "&amp;", "&#0;", "- [ ] ", "- [x] ",
    "---\ntitle: A: b\ndate: 2026-13-99\n---\n", "title: x\n", "...\n", "[text](http://a.b/c_(d))",
    '![图](x.png "y")', "<a href='", "<br>", "$$", "\\", "_a_b_", "（", "）",
)  # fmt: skip

LINE_ENDS: Final = (
    "\n", "\n\n", "\r", "\r\n", "\r\r\n", "\n\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x1e", "\n\n\n\n",
    " \n", "\u3000\n", "",
)  # fmt: skip

#: Python's names of encodings whose ASCII bytes are ASCII.
ASCII_BASED: Final = (
    "utf-8", "gb18030", "gbk", "big5", "big5hkscs", "euc_kr", "euc_jp", "cp1252", "latin-1", "koi8-r", "cp1251", "shift_jis",
    "cp950",
)  # fmt: skip
#: Encodings that are not, with the byte order mark.
WIDE: Final = (
    ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"), ("utf-32-le", b"\xff\xfe\0\0"), ("utf-32-be", b"\0\0\xfe\xff"),
)  # fmt: skip


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
