"""What running text is: where a sentence ends, whether a line is prose, whether a block is.

The one home of these words. Two meanings of prose are needed and have two names: ``is_prose_line`` judges a line by
itself (titles, sections, truncation, metadata), ``is_prose`` a block with its links, in a page that may be mostly
menus (labels, steps, zones of rules). All limits are in tokens (a CJK character is one) or code points.
"""

from __future__ import annotations

import re

from pipeline.text.tokens import CJK, count_tokens, tokens
from pipeline.types import Block

#: Signs that end a sentence, of any script: Latin, CJK, full and half width, Arabic, Devanagari.
SENTENCE_ENDS = ".!?。！？．｡؟।…‥‽‼⁇"
#: Signs that end a clause where a list of clauses is one sentence (1.……；2.……。).
CLAUSE_ENDS = ";；"
#: What may close behind the end: quotes, brackets, a note's star.
CLOSERS = "\"'”’」』）)】》〉]*»›"

#: A line has at least this many tokens and ends a sentence, or so many that it cannot be a headline.
MIN_LINE_TOKENS = 12
MIN_UNENDED_LINE_TOKENS = 45
_LINE_CHARS = 400  # code points that hold so many tokens of running text

PROSE_TOKENS = 20  # a block this long with a sentence in it is prose
RUNNING_TOKENS = 60  # a block this long is prose without one (transcripts, old texts), if it is dense in function words
FUNCTION_SHARES = (0.12, 0.3)  # of its tokens, in CJK characters and in words; menus and lists of names have fewer
DIFFERENT_TOKENS = 20  # among them, or it is a repetition
LINK_DENSE = 0.6  # share of a block's characters inside links that makes it a menu entry
_ENOUGH = 40 * PROSE_TOKENS  # code points in which that many tokens are found, or the text is no prose

#: Frequent function words: dense in prose, rare in menus (the idea of jusText, Pomikalek 2011).
STOP_WORDS = """
the of and to in a is that for it was on with as his he be at by i this had not are but from or have an they
which you were her she there would their we him been has when who will more if no out so said what up its about
into than them can only other new some could time these two may then do first any my now such like our over me
der die das und ist nicht ein eine zu den von mit für auf im dem sich des auch es an werden aus er hat dass sie
le la les de des et en un une du que est pour qui dans sur pas au ne se par plus avec sont ce il
el los las y en que por con una para es del al lo como más o pero sus se su
o os e do da em um uma para com não por mais dos das na no
il di che e la in un per è una non sono del si con le dei da
и в не на что с по как это из у к за от для мы вы он но так же бы все его
är och att det som en på för av med den till har de inte om ett van het een in op te dat niet zijn voor met
"""
#: Chinese characters that carry grammar, not subject: the same signal for Chinese. All kana count too.
STOP_CHARACTERS = "的了是在和与及对为以于中将等也而就都把被从到其这那我他她们你之着过并但或不有所由向使还這為與對們會"

_REFERENCES = re.compile(r"\s*(?:\[\d{1,3}\]\s*){1,4}\Z")  # the marks of footnotes behind a sentence
_NARROW_ENDS = re.escape("".join(set(SENTENCE_ENDS) & set(".!?…‥‽‼⁇؟।")))
#: A full-width end is one wherever it stands; a narrow one, or a point in a number or an address, only before a space.
_SENTENCE = re.compile(rf"[。！？｡．；]|[{_NARROW_ENDS}][{re.escape(CLOSERS)}]*(?:\s|\Z)")
_CJK = re.compile(f"[{CJK}]")
_FUNCTION_WORDS = frozenset(STOP_WORDS.split()) | frozenset(STOP_CHARACTERS)


def ends_sentence(text: str) -> bool:
    """Whether the text ends with the end of a sentence, closing quotes and reference marks allowed for.

    >>> ends_sentence("会议取得圆满成功。”"), ends_sentence("to strengthen the awareness of corporate social")
    (True, False)
    >>> ends_sentence("It was agreed. [12]")
    True
    """
    tail = text[-40:].rstrip()
    if tail.endswith("]"):
        tail = _REFERENCES.sub("", tail)
    return tail.rstrip(CLOSERS)[-1:] in _ENDS


_ENDS = frozenset(SENTENCE_ENDS)


def holds_sentence(text: str) -> bool:
    """Whether a sentence, or a clause of a Chinese one, ends anywhere in the text: in rows of menus none does.

    >>> holds_sentence("首页 | 新闻 | v2.1"), holds_sentence("The plan is ready. Work begins"), holds_sentence("已通过；另行公布")
    (False, True, True)
    """
    return _SENTENCE.search(text) is not None


def is_prose_line(text: str) -> bool:
    """Whether a line is running text by itself: long enough and a sentence, or too long for anything else.

    >>> is_prose_line("记者7日从生态环境部获悉，全国碳市场运行平稳。"), is_prose_line("关于我们 | 联系我们")
    (True, False)
    """
    if len(text) < MIN_LINE_TOKENS:
        return False
    n = count_tokens(text[:_LINE_CHARS])
    return n >= MIN_UNENDED_LINE_TOKENS or (n >= MIN_LINE_TOKENS and ends_sentence(text))


def is_prose(block: Block) -> bool:
    """A sentence or more of running text: long enough, with an end or running on without, most of it outside links."""
    text, markup = block.text, block.markup
    if len(text) < PROSE_TOKENS or (markup is not None and markup.link_chars / len(text) >= LINK_DENSE):
        return False
    if _SENTENCE.search(text) is None:
        return _runs_on(text)
    return count_tokens(text[:_ENOUGH]) >= PROSE_TOKENS


def _runs_on(text: str) -> bool:
    """Whether text without a sentence's end is running text: many words, many of them function words."""
    if len(text) < RUNNING_TOKENS:
        return False
    words = tokens(text[:_ENOUGH].lower())
    if len(words) < RUNNING_TOKENS or len(set(words)) < DIFFERENT_TOKENS:
        return False
    in_cjk = 2 * sum(map(bool, map(_CJK.match, words))) >= len(words)
    return sum(word in _FUNCTION_WORDS for word in words) >= FUNCTION_SHARES[0 if in_cjk else 1] * len(words)


def link_density(block: Block) -> float:
    """Share of a block's characters that are inside links, 0 to 1."""
    return block.markup.link_chars / len(block.text) if block.markup else 0.0
