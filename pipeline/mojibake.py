"""Text that was decoded with the wrong charset, put right when that is certain.

Three misreadings: a legacy charset read as Latin-1 ("ÖÐ¹ú"), UTF-8 read as GBK or Shift_JIS ("鐢熸€佺幆"), and
UTF-8 read as a single-byte charset ("é›‘"), which is ftfy's work. Each acts on one line, only where a cheap pattern
(``SUSPECT``) calls for it, and only when the way back makes far likelier text. To add a misreading: a line in
``_LEGACY_AS_LATIN`` or ``_UTF8_AS_LEGACY``, and what betrays it in ``SUSPECT`` and ``SUSPECT_FIRST``.
"""

from __future__ import annotations

import re

import ftfy

from pipeline import charset

_LINE_CHARS = 4000  # longer lines are repaired in pieces, so that the cost stays linear
_MAX_ROUNDS = 8  # in which a line must settle; lines do after one or two
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
_SUSPECT = re.compile(SUSPECT)
_FIRST = re.compile(f"[{SUSPECT_FIRST}](?:(?={FOLLOWER})|(?<=[\\ud800-\\udfff\\x80-\\x9f]))")
_HIGH = f"\\x80-\\x9f\\xa1-\\xff{_CP1252}"  # a no-break space is more often one than half of a rare character
_LATIN_RUN = re.compile(f"[@-~]*[{_HIGH}][@-~{_HIGH}]*")
_HIGH_FOUR = re.compile("[\\xa1-\\xff]{4}")
_NON_ASCII_RUN = re.compile("[^\\x00-\\x7f]{3,}")
_LOST_WITHIN = re.compile("\ufffd(?=[^\\x00-\\x7f\ufffd])")  # only byte 0x80 can get lost amid others in GBK
_LOST = re.compile("\ufffd{1,9}[?]?")
_LOST_QUOTE = re.compile(f"â€(?=[\\x00-\\x7f\u3001-\u9fff\uff01-\uff5e]|[Â-ô][{_CONT}]|\\Z)")  # of "”" all but 0x9D
_LEAD = re.compile(f"[{_GBK_FIRST}{_SJIS_FIRST}]")
_CJK = re.compile("[\u3001-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff01-\uff60]")

#: Pieces of a long line: cut between ASCII characters or after a comma or full stop, misread ones among them.
_PIECE = re.compile(
    f"(?s:.{{1,{_LINE_CHARS - 3}}}(?:[。，]|[ -~](?=[ -~])|ã€‚|ï¼Œ|¡£|£¬)(?![\\x80-\\xbf])|.{{1,{_LINE_CHARS}}})"
)

_FTFY = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    remove_control_chars=False,
    normalization=None,
    explain=False,
)


def is_suspect(text: str) -> bool:
    """Whether something in the text might be a misreading. Cheap: about 4 ns a character."""
    return any(_SUSPECT.match(text, first.start()) for first in _FIRST.finditer(text))


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
    for _ in range(_MAX_ROUNDS):
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
    return ftfy.fix_encoding(_LOST_QUOTE.sub("â€\x9d", line), _FTFY)


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
    if not _LEAD.search(line):
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
