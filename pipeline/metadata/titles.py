"""The title of a document: which of the page's claims to believe, and which block it is.

The road: a block that the labeller calls the title, <h1>, the page's own claims (og:title, <title>) with the site's
name cut off, the container's title, and for flattened text the first line that reads like a heading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from functools import cache, lru_cache

from pipeline.text.dates import find_dates
from pipeline.text.forms import is_heading
from pipeline.text.prose import is_prose_line
from pipeline.text.tokens import count_tokens
from pipeline.types import KEPT_LABELS, Block, BlockKind, Decision, Label

#: What stands between a title and the name of the site. A hyphen only with space around it or beside CJK.
_SEPARATOR = re.compile(
    r"\s*[|｜_丨»«]+\s*|\s+[-–—·•:：]+\s+|\s*(?:——|--)\s*|(?<=[\u3400-\u9fff）】》”])[-–—](?=[\u3400-\u9fff])"
)
_SURE = re.compile(r"[|｜_丨»«]")  # separators that hardly stand inside a title
#: Last words of the names of Chinese sites and channels.
_SITE_WORD = re.compile(
    r"(?:网|網|在线|门户|频道|新闻|政府|委员会|[部厅局署院会报台社]|日报|晚报|中心|官网|首页|博客|论坛|资讯|协会|学会|集团|公司|大学"
    r"|\.(?:com|cn|org|net|gov)|News|Times|Post|Blog|Home)\Z",
    re.IGNORECASE,
)
_NO_WORD = re.compile(r"[\W_]+")
_HEAD_LINES = 5  # kept blocks among which the title of flattened text is looked for
_TITLE_TO_PROSE = 4  # kept blocks between such a title and the first prose
_MAX_TITLE = 300  # characters
_BESIDE_DATE = 14  # characters beside the date in a line that is hardly more


def normalised(text: str) -> str:
    """A text for comparison: letters and digits only, case folded.

    >>> normalised("“Net zero” — by 2050!") == normalised("Net Zero by 2050")
    True
    """
    return _NO_WORD.sub("", text).casefold()


def cut_site_name(title: str, site_names: Sequence[str] = (), *, headlines: Sequence[str] = ()) -> str:
    """A page's title without the name of its site or channel.

    Args:
        title: as <title> or og:title give it.
        site_names: names of the site where they are known: og:site_name, the first label of the domain.
        headlines: texts of headings on the page; a part of the title that equals one of them is the title.

    >>> cut_site_name("全国碳市场启动_要闻_中国环境网")
    '全国碳市场启动'
    >>> cut_site_name("Net zero - what it means for the power sector")
    'Net zero - what it means for the power sector'
    """
    title = " ".join(title.split())[:_MAX_TITLE]
    edges = [(m.start(), m.end()) for m in _SEPARATOR.finditer(title)]
    if not edges:
        return title
    known, on_page = _names(tuple(site_names)), _names(tuple(headlines))
    starts, ends = [0, *(end for _, end in edges)], [*(start for start, _ in edges), len(title)]
    for length in range(len(starts), 0, -1):
        for first in range(len(starts) - length + 1):
            part = title[starts[first] : ends[first + length - 1]]
            if normalised(part) in on_page and normalised(part) not in known:
                return part.strip()
    first, last = 0, len(starts) - 1
    while last > first and _is_tail(title, starts, ends, last, known):
        last -= 1
    while first < last and normalised(title[starts[first] : ends[first]]) in known:
        first += 1
    return title[starts[first] : ends[last]].strip() or title


@lru_cache(maxsize=4)  # a page claims its title in several ways, and has the same names and headings for each
def _names(texts: tuple[str, ...]) -> frozenset[str]:
    """The texts for comparison, without empty ones."""
    return frozenset(map(normalised, texts)) - {""}


def _is_tail(title: str, starts: list[int], ends: list[int], last: int, known: Set[str]) -> bool:
    """Whether the last part is the name of a site or channel rather than the end of the title."""
    part, head = title[starts[last] : ends[last]], title[: ends[last - 1]]
    name = normalised(part)
    if not name or name in known or any(len(k) > 3 and (k in name or name in k) for k in known if len(name) > 2):
        return True
    size, rest = count_tokens(part), count_tokens(head)
    if size <= min(rest, 12) and _SITE_WORD.search(part.strip()):
        return True
    return _SURE.search(title[ends[last - 1] : starts[last]]) is not None and 2 * size <= min(rest, 24)


def find_title(
    blocks: Sequence[Block],
    decisions: Sequence[Decision],
    *,
    claims: Sequence[str],
    site_names: Sequence[str],
    other: Sequence[str] = (),
) -> tuple[str | None, int | None]:
    """The title and the ordinal of the block that is it; (None, None) if the document has none.

    Args:
        blocks: all blocks; decisions: one a block.
        claims: titles that the page's head gives, the most telling first.
        site_names: names of the site, to be cut off the claims.
        other: titles of the container or the front matter, which need no cutting.
    """
    kept = [block for block, decision in zip(blocks, decisions, strict=True) if decision.label in KEPT_LABELS]
    for block, decision in zip(blocks, decisions, strict=True):
        if decision.label is Label.TITLE and len(block.text) <= _MAX_TITLE:
            return block.text, block.ordinal
    headings = [block for block in blocks if block.kind is BlockKind.HEADING and block.level <= 2]
    known = {normalised(name) for name in site_names}
    texts = [block.text for block in (*headings, *kept[:_HEAD_LINES])]
    cut = [cut_site_name(claim, site_names, headlines=texts) for claim in claims if claim.strip()]
    titles = [title for title in (*cut, *(" ".join(t.split()) for t in other)) if normalised(title) not in known | {""}]
    said = cache(normalised)  # each title is looked for in the same blocks
    for title in titles:
        found = _block_of(title, kept, headings, said) or _above(title, blocks, kept, said)
        if found is not None:
            return found.text, found.ordinal
    top = [block for block in kept if block.kind is BlockKind.HEADING and block.level == 1]
    if len(top) == 1 and normalised(top[0].text) not in known and len(top[0].text) <= _MAX_TITLE:
        return top[0].text, top[0].ordinal
    if titles:
        return titles[0][:_MAX_TITLE], None
    first = _first_heading(kept)
    return (first.text, first.ordinal) if first else (None, None)


def _block_of(title: str, kept: Sequence[Block], headings: Sequence[Block], said: Callable[[str], str]) -> Block | None:
    """The block that says the title: a heading or one of the first kept blocks that equals it or all but."""
    wanted = said(title)
    near = [*(block for block in kept[: 2 * _HEAD_LINES]), *headings]
    for block in near:
        if said(block.text) == wanted:
            return block
    for block in near:
        text = said(block.text)
        short, long = sorted((text, wanted), key=len)
        if len(short) >= 8 and 3 * len(short) >= 2 * len(long) and long.startswith(short) and is_heading(block):
            return block
    return None


def _above(title: str, blocks: Sequence[Block], kept: Sequence[Block], said: Callable[[str], str]) -> Block | None:
    """The last block above the first kept one that equals the title, whatever it was taken for."""
    end = kept[0].ordinal if kept else 0
    wanted = said(title)
    above = (block for block in reversed(blocks) if block.ordinal < end)
    return next((block for block in above if said(block.text) == wanted), None)


def _is_date_line(text: str) -> bool:
    """Whether a line is a date with hardly a word beside it: when it was published, not what it is called."""
    dated = sum(found.end - found.start for found in find_dates(text[:_MAX_TITLE]) if found.year is not None)
    return dated > 0 and len(text) - dated <= _BESIDE_DATE


def _first_heading(kept: Sequence[Block]) -> Block | None:
    """The first heading-like line of flattened text before its first prose; short ones give way to a longer."""
    candidates: list[Block] = []
    for index, block in enumerate(kept[:_HEAD_LINES]):
        if is_prose_line(block.text) and block.kind is not BlockKind.HEADING:
            break
        followed = any(is_prose_line(after.text) for after in kept[index + 1 : index + 1 + _TITLE_TO_PROSE])
        if _is_date_line(block.text):
            continue
        if is_heading(block) and (followed or block.kind is BlockKind.HEADING):
            candidates.append(block)
    return next((block for block in candidates if count_tokens(block.text) >= 4), candidates[0] if candidates else None)
