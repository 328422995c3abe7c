"""What pages declare, how we and the peers decode their bytes, and which decisions the marked text shows to be wrong.

A decision is wrong when fewer than eight tenths of the letters beyond ASCII of the marked text are in the decoded page,
and some other charset finds a tenth more of them. As most pages are stored as UTF-8, those that an older charset can
write are put to the test in it too, declared truly, not at all and as UTF-8. To add a decoder, name it in ``decoders``;
a charset, in ``OLDER``.
"""

from __future__ import annotations

import html
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from pipeline.text.decode import declared_charset, decode

FOUND = 0.8  # share of the letters from which a decoding is right
BETTER = 0.1  # by how much more another charset must find
CHARSETS = (
    "utf-8",
    "gb18030",
    "big5",
    "shift_jis",
    "euc_jp",
    "euc_kr",
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1254",
    "utf-16",
)
#: Older charsets that pages are written anew in, by the label that a page would declare, and the language of the pages.
OLDER = (("gbk", "zh"), ("big5", "zh"), ("shift_jis", "ja"), ("windows-1251", "other"), ("windows-1252", "en"))
#: What the pages written anew declare, by name, from the charset's label.
DECLARED: Mapping[str, Callable[[str], bytes]] = {
    "truly": lambda charset: b"charset=" + charset.encode(),
    "not": lambda charset: b"x=",
    "as utf-8": lambda charset: b"charset=utf-8",
}
_DECLARATION = re.compile(rb"(?:charset|encoding)\s{0,9}=\s{0,9}[\"']?[\w.:-]{2,40}", re.I)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")

Decoder = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Stored:
    """A page as stored, with what people marked in it."""

    name: str
    lang: str
    content: bytes
    gold: str


def decoders(*, peers: bool) -> dict[str, Decoder]:
    """How each tool turns bytes into text, by its name; ours first."""
    ours: dict[str, Decoder] = {"winnow": lambda content: decode(content, media_type="text/html").text}
    if not peers:
        return ours
    from justext.core import decode_html
    from readability.encoding import get_encoding
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding
    from trafilatura.utils import decode_file

    return ours | {
        "trafilatura": decode_file,
        "readability": lambda content: content.decode(get_encoding(content) or "utf-8", "replace"),
        "resiliparse": lambda content: bytes_to_str(content, detect_encoding(content, from_html_meta=True)),
        "justext": lambda content: decode_html(content, "utf8", None, "replace"),
    }


def letters(text: str) -> Counter[str]:
    """The letters beyond ASCII, each with how often."""
    counts = Counter(_BEYOND_ASCII.findall(unicodedata.normalize("NFC", text)))
    return Counter({sign: count for sign, count in counts.items() if sign.isalpha()})


def share_found(text: str, gold: str) -> float:
    """Share of the gold's letters beyond ASCII that a decoded page has, as often; 1 where there are none."""
    wanted = letters(gold)
    if not wanted:
        return 1.0
    return (wanted & letters(html.unescape(text))).total() / wanted.total()


def best_share(page: Stored) -> float:
    """The most that any charset finds."""

    @cache
    def share(charset: str) -> float:
        return share_found(page.content.decode(charset, "replace"), page.gold)

    return max(map(share, CHARSETS))


def is_wrong(page: Stored, text: str) -> bool:
    """Whether this decoding loses letters that another charset shows."""
    share = share_found(text, page.gold)
    return share < FOUND and best_share(page) >= share + BETTER


def print_decisions(pages: Sequence[Stored]) -> None:
    """A row a pair of declared and decided charset: pages, wrong ones, and how it was decided."""
    rows: dict[tuple[str, str], list[tuple[str, bool, str]]] = {}
    for page in pages:
        decided = decode(page.content, media_type="text/html")
        declared = declared_charset(page.content, None, "text/html") or "none"
        row = rows.setdefault((declared, decided.encoding), [])
        row.append((decided.method, is_wrong(page, decided.text), page.name))
    print(f"\nDecoding: declared and decided charset\n{'declared':16}{'decided':16}{'pages':>7}{'wrong':>7}  by")
    for (declared, decided_as), row in sorted(rows.items(), key=lambda item: -len(item[1])):
        wrong = [name for _, bad, name in row if bad]
        methods = ", ".join(f"{name} {n}" for name, n in Counter(one for one, _, _ in row).most_common())
        print(f"{declared:16}{decided_as:16}{len(row):7}{len(wrong):7}  {methods}", *wrong[:5])


def written_anew(page: Stored, charset: str) -> Iterator[tuple[str, Stored]]:
    """A page stored as UTF-8 in an older charset, once a way to declare it; none where its letters are not in it."""
    try:
        text = page.content.decode("utf-8")
        "".join(letters(page.gold)).encode(charset)
    except UnicodeError:
        return
    content = text.encode(charset, "xmlcharrefreplace")
    for name, declaration in DECLARED.items():
        yield name, replace(page, content=_DECLARATION.sub(declaration(charset), content))


def print_decoders(pages: Sequence[Stored], *, peers: bool) -> None:
    """A row a form of the pages: how many each tool that decodes bytes gets wrong; then CPU time a page."""
    judged = [page for page in pages if letters(page.gold)]
    rows: dict[str, list[Stored]] = {"as stored": judged}
    for charset, lang in OLDER:
        for page in judged:
            for declared, anew in written_anew(page, charset) if page.lang == lang else ():
                rows.setdefault(f"{charset}, declared {declared}", []).append(anew)
    tools = decoders(peers=peers)
    seconds = dict.fromkeys(tools, 0.0)
    print(f"\nDecoding bytes: {len(judged)} of {len(pages)} pages have letters beyond ASCII. Wrong ones, by tool")
    print(f"{'':36}{'pages':>7}" + "".join(f"{name:>14}" for name in tools))
    for form, stored in rows.items():
        wrong = dict.fromkeys(tools, 0)
        for page in stored:
            for name, decoder in tools.items():
                text, spent = read_timed(decoder, page.content)
                seconds[name] += spent
                wrong[name] += is_wrong(page, text)
        print(f"{form:36}{len(stored):7}" + "".join(f"{number:14}" for number in wrong.values()))
    total = sum(map(len, rows.values()))
    print(f"{'ms a page':43}" + "".join(f"{spent / max(total, 1) * 1000:14.2f}" for spent in seconds.values()))


def read_timed(decoder: Decoder, content: bytes) -> tuple[str, float]:
    """The text that a decoder reads, "" where it raises, and the CPU seconds it took."""
    start = time.process_time()
    try:
        text = decoder(content)
    except Exception:  # noqa: BLE001 - a peer may raise anything; the page counts as wrong
        text = ""
    return text, time.process_time() - start
