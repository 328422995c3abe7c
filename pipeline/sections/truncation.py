"""Whether a text was cut off: its last paragraph ends in mid-sentence.

Headings, list items, signatures, dates and marks such as （完） end without a full stop and are not cut off; the
tables below say what such lines look like.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.dates import find_dates
from pipeline.headings import has_cjk
from pipeline.text.prose import CLAUSE_ENDS, ends_sentence
from pipeline.tokens import count_tokens
from pipeline.types import Block, BlockKind

#: A shorter last line is a signature, a caption or a leftover heading, in tokens (a CJK character is one).
MIN_TOKENS = 10
#: Beginnings of lines that end a text and are no sentence: credits, contacts, notes, pointers.
_SIGN_OFF = re.compile(
    r"\W{0,3}(?:来源|作者|记者|编辑|责编|责任编辑|原标题|原文|注|附件?|附录|联系|电话|传真|地址|邮编|邮箱|网址|抄送|主题词|相关|参考|延伸阅读"
    r"|Source|By |Author|Editor|Contact|Tel|Phone|Fax|E-?mail|Notes?|Photo|Image|Annex|Attachment|Reference|Read more|Related"
    r"|See also|Via\b|Translated|Written|Reporting by|Editing by)",
    re.IGNORECASE,
)
#: Ends of such lines: （完）, credits in brackets, addresses, tables.
_SIGN_OFF_END = re.compile(
    r"[（(【\[](?:完|全文完|待续|本文完|[^（）()]{0,30}(?:记者|报道|编辑|供稿|作者|来源|图|文|摄|通讯员))|https?://|@[a-z0-9-]{1,40}\.|[|｜]"
)
#: A whole sentence with a credit behind it: "…。（某某局）", "…world.” — Jane Doe, writer".
_CREDITED = re.compile(
    r"[.!?。！？][\"”’」]?\s?(?:[（(【\[][^（）()]{1,60}[)）】\]]|[—–-]{1,2}\s?[^.!?。！？]{2,80})\Z"
)
_END_REACH = 120  # characters from the end in which one stands
_LIST_START = re.compile(
    r"\W{0,2}(?:[•·●○◆■□▪*→–-]|[（(]?(?:\d{1,3}|[一二三四五六七八九十]{1,3}|[a-zA-Z])[.、．)）])\s?"
)
#: Signs after which a sentence cannot end: a comma, an open bracket, a hyphen.
_OPEN_END = re.compile(r"[,，、(（\[“‘《<&/—–-]\s*\Z|[a-z]-\Z")
#: Words after which an English sentence cannot end.
_OPEN_WORD = re.compile(
    r"\b(?:the|a|an|of|to|and|or|in|on|at|for|with|by|from|as|that|which|is|are|was|were|be|been|will|would|has|have|had|its|their"
    r"|into|than|but|if|this|these)\s*\Z"
)
_SENTENCE_INSIDE = re.compile(r"[。！？]|[.!?][\"”’]?\s[A-Z]")
_CODE = re.compile(r"[{}<>\\=$]|;\s*\Z")


def is_truncated(blocks: Sequence[Block]) -> bool:
    """Whether the last of a section's body blocks stops before its sentence does.

    >>> from pipeline.types import Block, BlockKind
    >>> text = "It is necessary to strengthen the awareness of corporate social responsibility and of the"
    >>> is_truncated([Block(0, text, BlockKind.PARAGRAPH, 0, len(text))])
    True
    """
    last = blocks[-1] if blocks else None
    if last is None or last.kind not in (BlockKind.PARAGRAPH, BlockKind.QUOTE):
        return False
    text = last.text.rstrip()
    if ends_sentence(text) or text.endswith((":", "：", *CLAUSE_ENDS)):
        return False
    if _OPEN_END.search(text, max(0, len(text) - 4)) and count_tokens(text) >= MIN_TOKENS:
        return True
    if count_tokens(text) < MIN_TOKENS or _SIGN_OFF.match(text) or _LIST_START.match(text) or _CODE.search(text):
        return False
    reach = max(0, len(text) - _END_REACH)
    if _SIGN_OFF_END.search(text, reach) or _CREDITED.search(text, reach):
        return False
    return not _is_signature(text) and _continues_prose(text, blocks[:-1])


def _is_signature(text: str) -> bool:
    """Whether a line is a name, an office or a date that signs a document."""
    dates = find_dates(text[-60:])
    return bool(dates) and len(text) <= 80 and len(text[-60:]) - dates[-1].end <= 3


def _continues_prose(text: str, before: Sequence[Block]) -> bool:
    """Whether the line is a sentence at all: it has one inside, hangs on a small word, or its neighbours are prose."""
    if _OPEN_WORD.search(text, max(0, len(text) - 12)):
        return True
    if _SENTENCE_INSIDE.search(text) or count_tokens(text) >= 40:
        return True
    if has_cjk(text):
        return "，" in text or "、" in text[-20:]
    words = text.split()
    lower = sum(word[:1].islower() for word in words)
    prose = [block for block in before if count_tokens(block.text) >= 8]
    ended = sum(ends_sentence(block.text) for block in prose)
    return 2 * lower >= len(words) and 2 * ended >= len(prose) > 0
