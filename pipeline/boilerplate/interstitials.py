"""Pages that are no documents: challenges, refusals, error pages, walls, notices. What they say is in interstitials.toml.

Evidence, not a phrase: what the title says, what sentences begin with, how much else is there. A page about captchas
says other things too; an error page in front of a site's menu does not.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, NamedTuple

from pipeline.boilerplate.rule_search import Finder, How, finder
from pipeline.text.prose import is_prose
from pipeline.text.tokens import count_tokens
from pipeline.types import KEPT_LABELS, Block, Decision, PageHead

#: The name in a head's ``meta`` under which an error that HTTP tells of stands.
HTTP_STATUS: Final = "http-status"

_MAX_TITLE: Final = 120  # code points; a longer one is no error page's
_MAX_SAYING: Final = 90  # tokens of a sentence that may be a saying of such a page
_FREE: Final = 12  # tokens of other text that a page with one sign may always have
_MOST_FREE: Final = 40  # and at most, where it says much
_FREE_SURE: Final = 60  # the same of a page with two signs: its title and a sentence
_MOST_FREE_SURE: Final = 200
_LONG: Final = 400  # tokens of other text beyond which nothing more is asked
_FEW_BLOCKS: Final = 12  # on a page of so few, chaff counts too
_QUOTES: Final = "“”\"'「」『』‘’《》"
_TITLE_CUT: Final = re.compile(r"\s*[|｜_»«]+\s*|\s+[-–—·•:]+\s+|[-–—](?=[\u3400-\u9fff])")
#: What a sentence begins after.
_START: Final = r"(?:\A\W*|[;；:：…|»)\]】>*•·,，~\n-]\s*)"
_SENTENCE: Final = re.compile(r"(?:[^.!?。！？\n]++|[.!?](?!\s|\Z))*+[.!?。！？\n]*+\s*+")


class Page(NamedTuple):
    """A kind of page that is no document."""

    id: str
    what: str
    title: tuple[str, ...]
    line: tuple[str, ...]
    text: tuple[str, ...]
    examples: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Interstitial:
    """What a page is instead of a document, and whether there is nothing else on it."""

    id: str
    what: str
    alone: bool


@cache
def known_pages() -> tuple[Page, ...]:
    """The kinds of interstitials.toml, in its order."""
    return tuple(
        Page(
            id=one["id"],
            what=one["what"],
            title=tuple(one.get("title", ())),
            line=tuple(one.get("line", ())),
            text=tuple(one.get("text", ())),
            examples=tuple(map(tuple, one["examples"])),
        )
        for one in _table()["page"]
    )


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files("pipeline.boilerplate").joinpath("interstitials.toml").read_text("utf-8"))


@cache
def _title_finder() -> Finder:
    return finder(
        tuple((at, How.COVERS, rf"\W*(?:{one})\W*") for at, page in enumerate(known_pages()) for one in page.title)
    )


@cache
def _saying_finder() -> Finder:
    pages = tuple(enumerate(known_pages()))
    lines = [(at, How.COVERS, rf"\W*(?:{one})\W*") for at, page in pages for one in page.line]
    texts = [(at, How.ANYWHERE, rf"{_START}(?:{one})") for at, page in pages for one in page.text]
    return finder((*lines, *texts))


@cache
def _beside_finder() -> Finder:
    return finder(tuple((0, How.ANYWHERE, rf"{_START}(?:{one})") for one in _table()["beside"]))


class _Weights(NamedTuple):
    """Tokens of a page: what such pages say, all else that is kept or prose, and how much of either is kept."""

    said: int = 0
    other: int = 0
    kept_said: int = 0
    kept_other: int = 0


def find_interstitial(head: PageHead, blocks: Sequence[Block], decisions: Sequence[Decision]) -> Interstitial | None:
    """What the page is instead of a document, or what stands in the way of one; None for a document.

    ``alone`` where next to nothing else is on it. Decisions are one a block.
    """
    kinds: list[int] = []
    total = _Weights()
    seen: set[str] = set()
    for block, decision in zip(blocks, decisions, strict=True):
        kept = decision.label in KEPT_LABELS
        if block.text in seen or not (kept or len(blocks) <= _FEW_BLOCKS or is_prose(block)):
            continue
        seen.add(block.text)
        found, said, other = _weighed(block.text)
        kinds += found
        total = _Weights(
            total.said + said, total.other + other, total.kept_said + said * kept, total.kept_other + other * kept
        )
        if total.other > _LONG and not kinds:
            return None
    kept_text = "\n".join(block.text for block, one in zip(blocks, decisions, strict=True) if one.label in KEPT_LABELS)
    return _judged(_titled(head, blocks), kinds, total, kept_text)


def _weighed(text: str) -> tuple[list[int], int, int]:
    """The kinds that a block's sentences are of, their tokens, and those of its other sentences."""
    kinds: list[int] = []
    n_said = n_other = 0
    for sentence in filter(None, _SENTENCE.findall(text)):
        size = count_tokens(sentence)
        found = _said(sentence) if size <= _MAX_SAYING else frozenset()
        kinds += found
        if found:
            n_said += size
        elif size > _MAX_SAYING or not _beside_finder()(sentence):
            n_other += size
        if n_other > _LONG:
            break
    return kinds, n_said, n_other


def _said(text: str) -> frozenset[int]:
    return frozenset() if text[0] in _QUOTES else _saying_finder()(text)


def _titled(head: PageHead, blocks: Sequence[Block]) -> frozenset[int]:
    """The kinds that the page's title is of, or what HTTP said, or the first block of a page without a title."""
    found: set[int] = set()
    status = next((value for name, value in head.meta if name == HTTP_STATUS), None)
    first = blocks[0].text if blocks and not head.title else ""
    for title in filter(None, (head.title, status, first)):
        if len(title) > _MAX_TITLE:
            continue
        parts = _TITLE_CUT.split(title)
        for part in {title, parts[0], parts[-1]}:
            found |= _title_finder()(part) if part else frozenset()
    return frozenset(found)


def _judged(titles: frozenset[int], kinds: Sequence[int], total: _Weights, kept: str) -> Interstitial | None:
    if not kinds and not (titles and total.other <= _FREE):
        return _addressed(kept) if total.kept_other <= _NOTE else None
    votes = [*kinds, *titles]
    kind = known_pages()[min(sorted(set(votes)), key=lambda one: -votes.count(one))]
    sure = bool(titles) and bool(kinds)
    least, share, most = (_FREE_SURE, 2.0, _MOST_FREE_SURE) if sure else (_FREE, 0.5, _MOST_FREE)
    free = max(least, min(share * total.said, most))
    if not titles and total.kept_other and not total.kept_said:  # what a page says to browsers without scripts
        return None
    if total.other <= free:
        return Interstitial(kind.id, kind.what, alone=True)
    in_text = total.kept_said >= total.kept_other // 4 or (sure and total.kept_said)
    return Interstitial(kind.id, kind.what, alone=False) if in_text else None


#: Words of pages that speak to a visitor about the visit.
_VISIT: Final = re.compile(
    r"您|你|请|請|访问|訪問|页面|頁面|网页|網頁|浏览器|瀏覽器|网络|網路|刷新|验证|驗證|登[录陆入]|权限|權限|请求|IP|链接|連結|内容|账号|帐号|帳號"
    r"|站点|网站|網站|服务器|伺服器|重试|稍[后候後]|返回|加载|跳转|异常|異常|错误|錯誤|拦截|无法|無法|暂时|不存在|删除|联系|客服|管理员|抱歉|开启|启用"
    r"|(?<![a-z])(?:you(?:r|.re|.ve)?|we|our|please|sorry|browser|page|website|site|access|requests?|server|error|java\s?script|cookies?|verify"
    r"|blocked|connection|network|refresh|reload|log|sign|account|link|available|unavailable|denied|security|try|again|back|continue"
    r"|contact|support|administrator|enable|disabled?|loading|wait|moment|redirect\w*|found|exist|moved|problem|captcha|human|robot|bot)(?![a-z])",
    re.IGNORECASE,
)
_NOTE: Final = 120  # tokens of a page that may be one
_ADDRESSED: Final = 0.35  # share of its tokens in such words
_DIFFERENT: Final = 4  # different ones


def _addressed(kept: str) -> Interstitial | None:
    """A doubt: a short page whose words are mostly those of a notice to the visitor."""
    found = [one.lower() for one in _VISIT.findall(kept)]
    n_tokens = count_tokens(kept)
    if len(set(found)) < _DIFFERENT or sum(map(count_tokens, found)) < _ADDRESSED * n_tokens:
        return None
    return Interstitial("notice", "a notice to the visitor", alone=False)
