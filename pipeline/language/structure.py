"""Tell what is no language by its form: code, commands, addresses, numbers.

To add a form: an alternative in ``_CODE_MARKS`` (strong on its own) or a row in ``_ADDRESSES`` (cut out before the
letters are looked at). Both are linear: no nested quantifiers, bounded repeats.
"""

from __future__ import annotations

import re
from functools import cache

#: How a host or the name of a file ends that stands in prose without more ado.
_ENDINGS = "com|cn|org|net|gov|edu|io|dev|html?|php|pdf|docx?|xlsx?"
#: Web, mail and file addresses, handles and hashes: their letters say nothing of the language around. Each with what a
#: text must have for it to be looked for at all.
_ADDRESSES = (
    (re.compile(":/"), r"(?:https?|ftp|file|mailto)://?[^\s<>\"'，。；、）】》\u4e00-\u9fff]{1,2000}"),
    (re.compile(r"www\."), r"\bwww\.[\w.-]{1,250}(?:/[\w./?=&%#~+:@-]{0,2000})?"),
    (re.compile("@"), r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
    (re.compile(rf"\.(?:{_ENDINGS})\b"), rf"(?<![\w/])[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,6}}\.(?:{_ENDINGS})\b"),
    (re.compile("[@#]"), r"(?<!\w)[@#][A-Za-z0-9_]{2,40}"),
)
_ADDRESS_SIGN = re.compile("[@#:.]")

#: Signs that a line is source code or a command.
_CODE_MARKS = re.compile(
    r"[\w)\]\"'}];\s*$|[{}]\s*$|^\s*[{}\])]"  # the line ends or begins as a statement or block does
    r"|=>|[=!<>]==?|&&|\|\||::|->|\+=|\$\{|</?\w+>|/>"
    r"|\b\w{1,60}\([^\s()]{0,80}\)|\w\(\)|\b\w{1,60}\(\["  # calls
    r"|\b[a-z]{1,30}[A-Z]\w{0,40}\b|\b[A-Za-z]\w{0,40}_\w{1,40}|\b[a-z]\w{1,30}\.[a-z]\w{1,30}[.(]"  # names
    r"|(?<!\S)--?[A-Za-z][\w-]{0,40}(?![\w-])|\[-{1,2}\w|\|-{1,2}\w|[~.]?/\w{1,60}/\w"  # options, paths
    r"|\s=\s|`[^`\s]{1,60}`|^\s*(?://|/\*|#!|\$ )"
)
_SYMBOL = re.compile(r"[{}\[\]()<>=;_$\\|&*+/`~^:#-]")
_WORD = re.compile(r"[A-Za-z]{2,}")

_MAX_CODE = 300  # characters looked at: beyond it a text that is code has shown it


def strip_addresses(text: str) -> str:
    """The text with a space for every web, mail or file address, handle and hash tag.

    >>> strip_addresses("see https://example.org/a?b=1 now")
    'see   now'
    """
    forms = _forms_in(text)
    return _pattern(forms).sub(" ", text) if forms else text


def has_address(text: str) -> bool:
    """Whether there may be an address in a text: a cheap look."""
    return bool(_forms_in(text))


def _forms_in(text: str) -> tuple[str, ...]:
    if _ADDRESS_SIGN.search(text) is None:
        return ()
    return tuple([form for hint, form in _ADDRESSES if hint.search(text)])


@cache
def _pattern(forms: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(forms))


def is_symbolic(text: str) -> bool:
    """Whether a text has a symbol in thirty characters or more: prose has fewer, though not all such text is code."""
    head = text[:_MAX_CODE]
    return _SYMBOL.search(head) is not None and len(_SYMBOL.findall(head)) * 30 >= len(head)


def looks_like_code(text: str) -> bool:
    """Whether a text is source code, a command or mark-up rather than prose.

    A text is code when its marks are many for its words (one mark for every four words), or when symbols
    make more than a sixth of a text with two marks. Prose, with less than one symbol in thirty characters,
    is passed by without a look at marks.

    >>> looks_like_code("const db = require('../database');")
    True
    >>> looks_like_code("The plan (2021-2025) covers steel; cement follows.")
    False
    """
    if not is_symbolic(text):
        return False
    head = text[:_MAX_CODE]
    symbols = len(_SYMBOL.findall(head))
    marks = sum(1 for _ in _CODE_MARKS.finditer(head))
    words = len(_WORD.findall(head))
    return marks * 4 >= max(words, 1) or (marks >= 2 and symbols * 6 > len(head))
