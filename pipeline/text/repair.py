"""Text -> text: small named repairs of what the web does to characters, and nothing that narrows.

Letters, punctuation and widths stay as the author wrote them (NFC, never NFKC): full-width punctuation, curly quotes,
ligatures and the ideographic space are right as they are. To add a repair: a pure function with a doctest, a line in
``FIXES``, and what betrays it in ``_FIRST`` and ``_SUSPECT``, so that clean text never reaches it.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.text import charset

# Text that was decoded with the wrong charset, put right when that is certain.
#
# Three misreadings: a legacy charset read as Latin-1 ("ÖÐ¹ú"), UTF-8 read as GBK or Shift_JIS ("鐢熸€佺幆"), and
# UTF-8 read as a single-byte charset ("é›‘"), which is ftfy's work. Each acts on one line, only where a cheap pattern
# (``SUSPECT``) calls for it, and only when the way back makes far likelier text. To add a misreading: a line in
# ``_LEGACY_AS_LATIN`` or ``_UTF8_AS_LEGACY``, and what betrays it in ``SUSPECT`` and ``SUSPECT_FIRST``.

_LINE_CHARS = 4000  # longer lines are repaired in pieces, so that the cost stays linear
_LINE_ROUNDS = 8  # in which a line must settle; lines do after one or two
_SURE_BITS = 30.0  # how much cheaper the repaired text must be
_CJK_BITS = 11.5  # bits a character up to which Chinese counts as everyday Chinese

_CP1252 = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_TO_LATIN1 = {ord(char): char.encode("cp1252").decode("latin-1") for char in _CP1252}

#: What may have been read as Latin-1 or windows-1252: (encoding, models, most bits a character).
_LEGACY_AS_LATIN: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("gb18030", ("simplified", "traditional"), _CJK_BITS),
    ("big5", ("traditional",), _CJK_BITS),
    ("euc-kr", ("korean",), 10.0),
)
#: Charsets that UTF-8 is misread as: (codec, what byte 0x80 alone becomes).
_UTF8_AS_LEGACY: tuple[tuple[str, str], ...] = (("gb18030", "€"), ("cp932", ""))


def _leads(codec: str, leads: bytes, trails: bytes) -> str:
    """The characters of a two-byte charset with these lead and trail bytes."""
    return "".join(bytes((lead, trail)).decode(codec, "ignore") for lead in leads for trail in trails)


_CONTINUATION = bytes(range(0x80, 0xC0))
_HAN_LEADS = b"\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xef"  # of kana, punctuation, Han, full-width forms in UTF-8
_GBK_FIRST = _leads("gb18030", _HAN_LEADS, _CONTINUATION)
_GBK_SECOND = _leads("gb18030", _CONTINUATION, _HAN_LEADS) + "€\ufffd"  # third byte, first byte of the next
_SJIS_FIRST = _leads("cp932", b"\xe3", b"\x80\x81\x82\x83")
_CONT = f"\\x80-\\xbf{_CP1252}"
_CYRILLIC_CONT = "\\x80-\\xbf‚ѓ„…†‡€‰‹‘’“”•–—™›"

#: Cheap and generous: without a match no misreading is looked for. Bounded, no repeats: linear.
SUSPECT = (
    "[\ud800-\udfff]"
    "|[\\x80-\\x84\\x86-\\x9f]"
    f"|[Â-ß][{_CONT}]|[à-ï][{_CONT}][{_CONT}]|[ð-ô][{_CONT}][{_CONT}][{_CONT}]"
    "|[\\xa1-\\xff]{4}"
    f"|[\u0412\u0413\u0420\u0421][{_CYRILLIC_CONT}][\u0412\u0413\u0420\u0421]|\u0432\u0402"  # В Г Р С; вЂ
    f"|[ĂĹĽÄĺ][{_CONT}˘Ł¤ŚŞŤŹŽŻłŠš§¨©ąşťźžż]"
    "|‚Ä|√[±∂†≠®™´≤≥¥µø]|[ΓÎ]Ç|├[^\\x00-\\x7f]|[âβā]€"
    f"|[{_GBK_FIRST}][{_GBK_SECOND}]|[{_SJIS_FIRST}][^\\x00-\\x7f]"
)
#: Character class of what ``SUSPECT`` can begin with; all but the first two ranges need a non-ASCII neighbour.
SUSPECT_FIRST = f"\\ud800-\\udfff\\x80-\\x84\\x86-\\x9f\\xa1-\\xffВГРСвĂĹĽĺΓ├β‚√ā{_GBK_FIRST}{_SJIS_FIRST}"
#: What must follow; Cyrillic letters never do, and Russian is full of leads.
FOLLOWER = "[^\\x00-\\x7f\u0410-\u044f]"
_MOJIBAKE = re.compile(SUSPECT)
_MOJIBAKE_FIRST = re.compile(f"[{SUSPECT_FIRST}](?:(?={FOLLOWER})|(?<=[\\ud800-\\udfff\\x80-\\x9f]))")
_HIGH_LATIN = f"\\x80-\\x9f\\xa1-\\xff{_CP1252}"  # a no-break space is more often one than half of a rare character
_LATIN_RUN = re.compile(f"[@-~]*[{_HIGH_LATIN}][@-~{_HIGH_LATIN}]*")
_HIGH_FOUR = re.compile("[\\xa1-\\xff]{4}")
_NON_ASCII_RUN = re.compile("[^\\x00-\\x7f]{3,}")
_LOST_WITHIN = re.compile("\ufffd(?=[^\\x00-\\x7f\ufffd])")  # only byte 0x80 can get lost amid others in GBK
_LOST = re.compile("\ufffd{1,9}[?]?")
_LOST_QUOTE = re.compile(f"â€(?=[\\x00-\\x7f\u3001-\u9fff\uff01-\uff5e]|[Â-ô][{_CONT}]|\\Z)")  # of "”" all but 0x9D
_LEGACY_LEAD = re.compile(f"[{_GBK_FIRST}{_SJIS_FIRST}]")
_CJK = re.compile("[\u3001-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff01-\uff60]")

#: Pieces of a long line: cut between ASCII characters or after a comma or full stop, misread ones among them.
_PIECE = re.compile(
    f"(?s:.{{1,{_LINE_CHARS - 3}}}(?:[。，]|[ -~](?=[ -~])|ã€‚|ï¼Œ|¡£|£¬)(?![\\x80-\\xbf])|.{{1,{_LINE_CHARS}}})"
)

#: What ftfy is not to do: everything but its re-reading of misread bytes.
_LEFT_ALONE: Mapping[str, Any] = {
    "unescape_html": False,
    "remove_terminal_escapes": False,
    "fix_latin_ligatures": False,
    "fix_character_width": False,
    "uncurl_quotes": False,
    "fix_line_breaks": False,
    "remove_control_chars": False,
    "normalization": None,
    "explain": False,
}


def is_suspect(text: str) -> bool:
    """Whether something in the text might be a misreading. Cheap: about 4 ns a character."""
    return any(_MOJIBAKE.match(text, first.start()) for first in _MOJIBAKE_FIRST.finditer(text))


def fix_mojibake(text: str) -> str:
    """Undo misreadings line by line; join surrogate pairs, and put U+FFFD for lone ones.

    >>> fix_mojibake("ÖÐ¹úÌ¼ÊÐ³¡"), fix_mojibake("鐢熸€佺幆澧冮儴"), fix_mojibake("La SociÃ©tÃ© gÃ©nÃ©rale")
    ('中国碳市场', '生态环境部', 'La Société générale')
    >>> fix_mojibake("Où ça? «Là», à l’été…")
    'Où ça? «Là», à l’été…'
    """
    if not is_suspect(text):
        return text
    if re.search("[\ud800-\udfff]", text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return "\n".join(_settled(line) for line in text.split("\n"))


def _settled(line: str) -> str:
    """The line fixed until nothing is left to fix; as it was when that never comes (pieces move as they shrink)."""
    before = line
    for _ in range(_LINE_ROUNDS):
        fixed = _fix_line(before)
        if fixed == before:
            return fixed
        before = fixed
    return line


def _fix_line(line: str) -> str:
    if not is_suspect(line):
        return line
    if len(line) > _LINE_CHARS:
        return "".join(map(_fix_line, _PIECE.findall(line)))
    for fix in (_fix_legacy_as_latin, _fix_utf8_as_legacy):
        fixed = fix(line)
        if fixed != line:
            return fixed
    import ftfy  # with its tables a fifteenth of a second: few lines come this far

    return ftfy.fix_encoding(_LOST_QUOTE.sub("â€\x9d", line), ftfy.TextFixerConfig(**_LEFT_ALONE))


def _fix_legacy_as_latin(line: str) -> str:
    """ "ÇÑ±¹" is Korean, "ÖÐ¹ú" Chinese: bytes of a two-byte charset, each taken for a Latin letter or sign."""
    if not _HIGH_FOUR.search(line):
        return line
    runs = [run for run in _LATIN_RUN.findall(line) if not run.isascii()]
    before = charset.cost("\n".join(runs), charset.WESTERN)
    best, best_cost = line, before - _SURE_BITS
    for encoding, models, most_bits in _LEGACY_AS_LATIN:
        readings = {run: _reread(run, encoding) for run in runs}
        new = "\n".join(readings.values())
        chars = [char for char in new if char > "\x7f"]
        bits = charset.cost("".join(chars), models)
        if len(_CJK.findall(new)) < 3 or len(set(chars)) < 3 or bits > most_bits * len(chars):
            continue
        total = charset.cost(new, models)
        if total < best_cost:
            best_cost = total
            best = _LATIN_RUN.sub(lambda run, readings=readings: readings.get(run[0], run[0]), line)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    return best


def _reread(run: str, encoding: str) -> str:
    """The run as its bytes read in the encoding; the run itself when they are none of it."""
    try:
        raw = run.translate(_TO_LATIN1).encode("latin-1")
    except UnicodeEncodeError:
        return run
    text = charset.decode_as(raw, encoding)
    return run if "\ufffd" in text else text


def _fix_utf8_as_legacy(line: str) -> str:
    """ "鐢熸€" is 生态: three bytes of UTF-8 are one and a half two-byte characters. Lost bytes leave a U+FFFD."""
    if not _LEGACY_LEAD.search(line):
        return line
    whole = _reread_as_utf8(line)
    return whole if whole != line else _NON_ASCII_RUN.sub(lambda run: _reread_as_utf8(run[0]), line)


def _reread_as_utf8(run: str) -> str:
    for codec, lone_0x80 in _UTF8_AS_LEGACY:
        whole = _LOST_WITHIN.sub(lone_0x80, run) if lone_0x80 else run
        try:
            raw = b"\xff".join(_encode(part, codec, lone_0x80) for part in whole.split("\ufffd"))
        except UnicodeEncodeError:
            continue
        text = _LOST.sub("\ufffd", raw.decode("utf-8", "replace"))
        n_cjk = len(_CJK.findall(text))
        if n_cjk < 2 or text.count("\ufffd") * 4 > n_cjk + 2 * run.count("\ufffd"):
            continue
        if charset.cost(text) + _SURE_BITS / 3 < charset.cost(run):
            return text
    return run


def _encode(part: str, codec: str, lone_0x80: str) -> bytes:
    """The bytes the part was read from; of the two readings of "€" the one that makes UTF-8."""
    if not lone_0x80 or lone_0x80 not in part:
        return part.encode(codec)
    alone = b"\x80".join(piece.encode(codec) for piece in part.split(lone_0x80))
    as_pair = part.encode(codec)
    return min(alone, as_pair, key=lambda raw: raw.decode("utf-8", "replace").count("\ufffd"))


MAX_MARKS = 30  # combining marks in a row: stream-safe text format, UAX #15 section 13
_MAX_ROUNDS = 8  # a repair may uncover work for another; texts settle after one or two
_LONG_TEXT = 1000  # characters from which on the table look-up beats the regular expression

_CONTROL_CLASS = (
    "\\x00-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f"  # C0 but tab and line ends, DEL, C1 but next line
    "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u206f"  # bidirectional and deprecated format controls
    "\\ufff9-\\ufffc\\ufffe\\uffff\\ufdd0-\\ufdef"  # annotation, object replacement, noncharacters
)
#: Scripts whose letters take other shapes beside a joiner or non-joiner: Arabic, Mongolian, Indic, Khmer and their kin.
_JOINING = (
    "\u0600-\u07ff\u0840-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\u1a20-\u1aaf\u1b00-\u1cff"
    "\ua800-\uaaff\uabc0-\uabff\ufb50-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010a00-\U00011fff\U0001e900-\U0001e95f"
)
_EMOJI = "\u00a9\u00ae\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_INVISIBLE = "\u00ad\u200b\u2060-\u2064\ufeff"
_SPACE = "\u00a0\u2007\u202f"

_LINE_ENDS = re.compile("[\v\f\x85\u2028\u2029]")
_TERMINAL = re.compile("\x1b\\[[0-9;]{0,16}[A-Za-z]")
_CONTROLS = re.compile(f"[{_CONTROL_CLASS}]")
_HIGH = re.compile("[\U0001fffe-\U0010ffff]")
_HIGH_CONTROLS = re.compile(  # beyond the BMP: tags and noncharacters
    "[\U000e0000-\U000e007f" + "".join(f"\\U{plane:04x}fffe\\U{plane:04x}ffff" for plane in range(1, 17)) + "]"
)
_ZERO_WIDTH = re.compile(f"[{_INVISIBLE}\u200c\u200d]")
_JOINS = re.compile(f"[{_JOINING}]")
_JOINS_EMOJI = re.compile(f"[{_EMOJI}]")
_SPACES = re.compile(f"[{_SPACE}]")

_NOISE = f"\r\v\f\\x85\u2028\u2029{_SPACE}{_INVISIBLE}\u200c\u200d{_CONTROL_CLASS}\U0001fffe-\U0010ffff"
_FIRST = re.compile(f"[{_NOISE}{SUSPECT_FIRST}](?:(?={FOLLOWER})|(?<=[{_NOISE}\\ud800-\\udfff]))")
_SUSPECT = re.compile(f"[{_NOISE}]|{SUSPECT}")

#: Ranges of the BMP whose characters are NFC, start no composition and need no reordering: the table of ``_unsafe``.
_INERT = (
    (0x09, 0x0A),
    (0x20, 0x17F),
    (0x400, 0x482),
    (0x2010, 0x2027),
    (0x2030, 0x205E),
    (0x20A0, 0x20BF),
    (0x2100, 0x2125),
    (0x2190, 0x2328),
    (0x2460, 0x2ADB),
    (0x3000, 0x3029),
    (0x3030, 0x3096),
    (0x309B, 0x30FF),
    (0x3200, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0xFF01, 0xFFEE),
)


@dataclass(frozen=True, slots=True)
class Repaired:
    """A repaired text and the sorted names of the fixes that acted."""

    text: str
    fixes: tuple[str, ...] = ()


def fix_line_ends(text: str) -> str:
    r"""Every line end becomes a line feed: CR LF, CR, vertical tab, form feed, next line, line and paragraph separator.

    >>> fix_line_ends("一\r\n二\u2028三\x0c四")
    '一\n二\n三\n四'
    """
    if "\r" in text:
        text = re.sub("\r{1,2}\n|\r", "\n", text)
    return _LINE_ENDS.sub("\n", text)


def fix_control_characters(text: str) -> str:
    r"""Control characters, terminal colours, bidirectional controls, tags and noncharacters go; tab and line feed stay.

    >>> fix_control_characters("a\x00b\x1b[31mc\u202ed\tე")
    'abcd\tე'
    """
    if "\x1b" in text:
        text = _TERMINAL.sub("", text)
    if _HIGH.search(text):
        text = _HIGH_CONTROLS.sub("", text)
    return _CONTROLS.sub("", text)


def fix_zero_width(text: str) -> str:
    r"""Zero-width spaces, stray byte order marks, soft hyphens go; joiners only where no emoji or letter needs them.

    >>> fix_zero_width("碳\u200b市\ufeff场 co\u00adoperate")
    '碳市场 cooperate'
    >>> fix_zero_width("می\u200cخواهم 👩\u200d💻") == "می\u200cخواهم 👩\u200d💻"
    True
    """
    return _ZERO_WIDTH.sub(_needed_joiner, text)


def _needed_joiner(match: re.Match[str]) -> str:
    """The joiner if its neighbours need it, else nothing."""
    if match[0] not in "\u200c\u200d":
        return ""
    before = match.string[match.start() - 1 : match.start()]
    after = match.string[match.end() : match.end() + 1]
    if match[0] == "\u200c":
        needed = _JOINS.match(before) and _JOINS.match(after)
    elif before == "\ufe0f" or _JOINS_EMOJI.match(before):
        needed = _JOINS_EMOJI.match(after)
    else:
        needed = _JOINS.match(before) if after != "\u200d" else None
    return match[0] if needed else ""


def fix_nbsp(text: str) -> str:
    r"""No-break, narrow no-break and figure spaces become plain ones. The ideographic space stays.

    >>> fix_nbsp("10\u00a0000\u202f€\u3000元")
    '10 000 €\u3000元'
    """
    return _SPACES.sub(" ", text)


def fix_nfc(text: str) -> str:
    r"""Normal form C in stream-safe form: a grapheme joiner (U+034F) after every 30 marks in a row.

    >>> fix_nfc("Vie\u0323\u0302t"), len(fix_nfc("a" + "\u0301" * 61))
    ('Việt', 63)
    """
    text = _break_runs(text)  # first, or normalizing costs the square of a run's length
    if unicodedata.is_normalized("NFC", text):
        return text
    return _break_runs(unicodedata.normalize("NFC", text))


FIXES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("mojibake", fix_mojibake),  # first: its bytes look like controls and no-break spaces
    ("line_ends", fix_line_ends),
    ("control_characters", fix_control_characters),
    ("zero_width", fix_zero_width),
    ("nbsp", fix_nbsp),
    ("nfc", fix_nfc),
)


def is_clean(text: str) -> bool:
    """True when no repair can act; False when one might. Meant for whole pages.

    >>> is_clean("生态环境部：“碳市场”　COP29"), is_clean("a\\u00a0b")
    (True, False)
    """
    if len(text) > _LONG_TEXT and _is_inert(text):
        return True
    if any(_SUSPECT.match(text, first.start()) for first in _FIRST.finditer(text)):
        return False
    if text.isascii():
        return True
    return not _has_long_runs(text) and unicodedata.is_normalized("NFC", text)


def repair(text: str) -> Repaired:
    """Apply every fix of ``FIXES`` until none acts. Idempotent; the result is NFC, without controls or surrogates.

    >>> repair("ÖÐ¹úÌ¼ÊÐ³¡\\u00a0COP29")
    Repaired(text='中国碳市场 COP29', fixes=('mojibake', 'nbsp'))
    """
    if is_clean(text):
        return Repaired(text)
    acted: set[str] = set()
    for _ in range(_MAX_ROUNDS):
        before = text
        for name, fix in FIXES:
            fixed = fix(text)
            if fixed != text:
                acted.add(name)
                text = fixed
        if text == before or is_clean(text):
            break
    return Repaired(text, tuple(sorted(acted)))


# Chinese with a space after each character, as OCR and some PDF readers write it.

_SPACED_CHAR = (
    "\u2e80-\u2fff\u3001-\u303f\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff60\u201c\u201d\u2018\u2019\u2026\u2014"
)
_GAP = "[ \u3000\u00a0]{1,3}"
_SPACED_PAIR = re.compile(f"[{_SPACED_CHAR}]{_GAP}(?=[{_SPACED_CHAR}])")
_CLOSE_PAIR = re.compile(f"[{_SPACED_CHAR}](?=[\u3400-\u9fff])")
_SPACED_GAP = re.compile(
    f"(?<=[{_SPACED_CHAR}]){_GAP}(?=[{_SPACED_CHAR}0-9])|(?<=[0-9]){_GAP}(?=[{_SPACED_CHAR}]|[0-9](?![0-9]))"
)
MIN_SPACED = 8  # pairs of characters that a space parts; fewer are a row of words or a title set wide
SPACED_SHARE = 0.9  # of all pairs
_MAX_SPACED = 100_000  # code points of a text that are looked at


def is_spaced(text: str) -> bool:
    """Whether all but a few characters of a Chinese or Japanese text have a space after them.

    >>> is_spaced("新 学 期 开 始 以 后 ， 城 东 小 学"), is_spaced("首页 新闻 体育 财经 旅游 教育 生活 论坛 博客")
    (True, False)
    """
    if 3 * (text.count(" ") + text.count("\u3000") + text.count("\u00a0")) < len(text) - 1 or len(text) > _MAX_SPACED:
        return False
    spaced = len(_SPACED_PAIR.findall(text))
    return spaced >= MIN_SPACED and spaced >= SPACED_SHARE * (spaced + len(_CLOSE_PAIR.findall(text)))


def close_up(text: str) -> str:
    """A text that ``is_spaced`` without the spaces around its Chinese characters and within its numbers.

    >>> close_up("共 有 2 0 2 4 人 到 场 ， 修 好 了 API 接 口")
    '共有2024人到场，修好了 API 接口'
    """
    return _SPACED_GAP.sub("", text)


def _is_inert(text: str) -> bool:
    """Whether all characters are of the common kind that no repair looks at. Cheap for long texts."""
    if text.isascii():
        bytes_ = np.frombuffer(text.encode(), np.uint8)
        n_breaks = text.count("\n") + text.count("\t")
        return int(np.count_nonzero(bytes_ < 0x20)) == n_breaks and "\x7f" not in text
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)
    above_ascii = units > 0x7E
    places = np.flatnonzero((units < 0x20) | above_ascii)
    looks = np.take(_looks(), units[places])
    if bool((looks == _LOOK).any()):
        return False
    leads = places[looks == _LEAD]
    return not bool(above_ascii[np.minimum(leads + 1, len(units) - 1)].any())


_LEAD, _LOOK = 1, 2


@functools.cache
def _looks() -> npt.NDArray[np.uint8]:
    """By UTF-16 code unit: 0 for inert, 1 for a lead that matters before a non-ASCII character, 2 for the rest."""
    looks = np.full(0x10000, _LOOK, np.uint8)
    lead = re.compile(f"[{SUSPECT_FIRST}]")
    noise = re.compile(f"[{_NOISE}]")
    for first, last in _INERT:
        chars = map(chr, range(first, last + 1))
        looks[first : last + 1] = [_LOOK if noise.match(char) else _LEAD if lead.match(char) else 0 for char in chars]
    return looks


@functools.cache
def _marks() -> tuple[str, str]:
    """All characters of non-zero combining class: of the BMP, and beyond."""
    marks = "".join(chr(point) for point in range(0x300, 0x1F000) if unicodedata.combining(chr(point)))
    within = sum(mark <= "\uffff" for mark in marks)
    return marks[:within], marks[within:]


@functools.cache
def _coarse_run() -> re.Pattern[str]:
    # one range for all that lies beyond the BMP: the regular expression engine is slow with many
    return re.compile(f"[{_marks()[0]}\U000101fd-\U0001efff]{{{MAX_MARKS + 1}}}")


@functools.cache
def _exact_run() -> re.Pattern[str]:
    marks = "".join(_marks())
    return re.compile(f"[{marks}]{{{MAX_MARKS}}}(?=[{marks}])")


def _has_long_runs(text: str) -> bool:
    return bool(_coarse_run().search(text) and _exact_run().search(text))


def _break_runs(text: str) -> str:
    return _exact_run().sub("\\g<0>\u034f", text) if _coarse_run().search(text) else text
