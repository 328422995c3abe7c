"""Make a foreign string safe to show: in a message, a log line or a terminal.

To treat another character as unsafe, add its Unicode category to ``_UNSAFE_CATEGORIES``. Escaping HTML, Markdown
or rich mark-up is the business of whoever renders the string.
"""

from __future__ import annotations

import re
import unicodedata

# C0, C1 and ESC; bidi controls, zero-width and tag characters; surrogates; private use; line and paragraph
# separators; unassigned and noncharacters. Bidi: https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NOT_IN_URL = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_PLAIN = re.compile(r"[ -~一-鿿，。：；！？（）《》“”、]*")


def printable(text: str, *, limit: int = 200) -> str:
    r"""Return ``text`` on one line, unsafe characters escaped, at most ``limit`` code points long.

    Idempotent. A longer text loses its middle, so that a suffix stays visible.

    >>> printable("a\x1b[2J\u202etxt.exe")
    'a\\x1b[2J\\u202etxt.exe'
    """
    if len(text) > 8 * limit:  # bounds the work; the result is cut again below
        text = f"{text[: 4 * limit]}…{text[-4 * limit :]}"
    if not _PLAIN.fullmatch(text):
        text = "".join(_escape(c) for c in text)
    if len(text) <= limit:
        return text
    head = (limit - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def printable_lines(text: str) -> str:
    r"""Return ``text`` with unsafe characters escaped but for line feeds and tabs: for what has lines of its own.

    Idempotent.

    >>> printable_lines("a\tb\n\x9b2J\ud800")
    'a\tb\n\\x9b2J\\ud800'
    """
    if _PLAIN.fullmatch(text):
        return text
    return text.translate({ord(c): _escape(c) for c in set(text) - {"\n", "\t"}})


def clean_url(address: str) -> str:
    r"""An address without white space, controls, direction marks and surrogates, none of which may stand in one.

    >>> clean_url(" https://example.org/a\nb\u202e")
    'https://example.org/ab'
    """
    return _NOT_IN_URL.sub("", address)


def _escape(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE_CATEGORIES:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
