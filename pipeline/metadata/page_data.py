"""What a page says of itself in its head: <meta> names, Dublin Core, Chinese government names, JSON-LD.

A new name is a new word in one of the tables; the first name of a table that a page has wins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pipeline.text.dates import FoundDate, find_dates
from pipeline.text.escapes import plain
from pipeline.text.forms import has_cjk
from pipeline.text.repair import repair
from pipeline.types import PageHead

#: <meta> names, lower case, the most telling first. ArticleTitle, PubDate and ContentSource are required of Chinese
#: government sites (政府网站发展指引, State Council, 2017, annex 2).
TITLE_NAMES = ("articletitle", "og:title", "twitter:title", "dc.title", "dcterms.title", "headline", "title")
SOURCE_NAMES = (
    "contentsource", "source", "dc.source", "dcterms.source", "article:source", "og:article:source", "winnow:source",
)  # fmt: skip
AUTHOR_NAMES = (
    "author", "article:author", "og:article:author", "byl", "dc.creator", "dcterms.creator", "parsely-author",
    "sailthru.author", "citation_author", "authors", "byline",
)  # fmt: skip
PUBLISHED_NAMES = (
    "article:published_time", "og:published_time", "bytedance:published_time", "datepublished", "pubdate",
    "publishdate", "publish_date", "publish-date", "publication_date", "published_time", "published", "dc.date.issued",
    "dcterms.issued", "dc.date", "dcterms.date", "dc.date.created", "dcterms.created", "parsely-pub-date",
    "sailthru.date", "citation_publication_date", "weibo:article:create_at", "og:release_date", "article:published",
    "datecreated", "date",
)  # fmt: skip
SITE_NAMES = ("og:site_name", "sitename", "application-name", "apple-mobile-web-app-title", "publisher")

#: schema.org types that are the document; others (Organization, BreadcrumbList, ...) are about something else.
_ARTICLE = re.compile(r"Article|BlogPosting|Report\b|SocialMediaPosting|DiscussionForumPosting|WebPage|CreativeWork")
#: Bounds on JSON-LD: scripts of a page, characters of one, values looked at, depth. Real ones stay far below.
_MAX_SCRIPTS, _MAX_SCRIPT, _MAX_NODES, _MAX_DEPTH = 20, 500_000, 5_000, 8
_WRAPPING = re.compile(
    r"\A\s*(?:<!--|(?://|/\*)?\s{0,4}<!\[CDATA\[(?:\s{0,4}\*/)?)|(?:-->|(?://|/\*)?\s{0,4}\]\]>(?:\s{0,4}\*/)?)\s*\Z"
)
_NOBODY = re.compile(
    r"(?:admin(?:istrator)?|editor|webmaster|root|user|unknown|anonymous|none|null|n/a|guest|system|管理员|佚名|未知|本站|"
    r"本网|网络|匿名|无|发布|编辑|作者|来源)\Z",
    re.IGNORECASE,
)
_URL = re.compile(r"(?:https?:)?//|www\.|@", re.IGNORECASE)
#: Roles written before or after a name.
_ROLE = re.compile(
    r"\A(?:作\s?者|记\s?者|撰\s?文|文|通讯员|編集|記者|글|[Bb]y|[Aa]uthor|[Rr]eporter)[\s:：/]{1,3}|\s(?:기자|記者)\Z"
)
_MAX_NAME = 100  # characters of an author or source
_MAX_STRING = 2_000  # characters of a string of JSON-LD that are read


@dataclass(frozen=True, slots=True)
class PageData:
    """The head's claims as strings, the most telling first, not yet believed."""

    titles: tuple[str, ...]
    authors: tuple[str, ...]
    sources: tuple[str, ...]
    publishers: tuple[str, ...]
    published: tuple[str, ...]
    site_names: tuple[str, ...]
    times: tuple[tuple[int, str], ...] = ()  # of <time> elements that do not say of what: place in the source, value


def read_page_data(head: PageHead) -> PageData:
    """The claims of a page's head. Never raises on what a page may hold."""
    ld = _JsonLd.of(head.json_ld)
    return PageData(
        titles=(*_values(head, TITLE_NAMES), *ld.titles),
        authors=tuple(filter(None, map(clean_name, (*_values(head, AUTHOR_NAMES), *ld.authors)))),
        sources=tuple(filter(None, map(clean_name, _values(head, SOURCE_NAMES)))),
        publishers=tuple(filter(None, map(clean_name, ld.publishers))),
        published=(*_values(head, PUBLISHED_NAMES), *ld.published, *_values(head, (MARKED_PUBLISHED,))),
        site_names=(*_values(head, SITE_NAMES), *ld.publishers),
        times=tuple(_times(head)),
    )


# What the mark-up and the scripts of a page say beside its head: <time>, microdata, variables of WeChat's pages.
#
# ``page_marks`` reads the source; what it finds is kept among the head's <meta>, under names that no page has.

MARKED_PUBLISHED, MARKED_TIME, MARKED_SOURCE = "winnow:published", "winnow:time", "winnow:source"
_MAX_MARKS = 40
_MAX_SOURCE = 3_000_000  # code points that are looked at
_TIME_TAG = re.compile(r"<time\b([^<>]{0,600})>", re.IGNORECASE)
_DATED_TAG = re.compile(
    r"<[a-z]{1,12}\b([^<>]{0,600}?\bitemprop\s{0,3}=\s{0,3}[\"']?datePublished\b[^<>]{0,300})>([^<>]{0,80})",
    re.IGNORECASE,
)
_CLASSED_TAG = re.compile(
    r"<(?:abbr|span|em|i|div|p)\b([^<>]{0,300}?\b(?:published|pub-?time|pub_time|publish[_-]?time|publish[_-]?date|entry-date|post-date|dt-published)"
    r"\b[^<>]{0,200})>",
    re.IGNORECASE,
)
#: In lower case: one of them is in every such tag.
_DATED_WORDS = (b"datepublished",)
_CLASSED_WORDS = (b"publish", b"pub-time", b"pubtime", b"pub_time", b"entry-date", b"post-date")
_WECHAT_WORDS = (b"js_content", b"activity-name", b"js_name", b"mp.weixin.qq.com/")
_ATTRIBUTE = re.compile(
    r"\b(datetime|content|title|class|itemprop|pubdate|data-(?:time|timestamp|date|publish[a-z-]{0,9}))(?:\s{0,3}=\s{0,3}(?:\"([^\"]{0,200})\"|'([^']{0,200})'|([^\s\"'>]{1,200})))?",
    re.IGNORECASE,
)
_IS_PUBLISHED = re.compile(
    r"publish|entry-date|post-?date|post-?time|article-?date|article-?time|pubtime|pub-?date", re.IGNORECASE
)
_IS_OTHER = re.compile(
    r"updat|modif|event|comment|reply|start|end|expire|deadline|relat|recommend|sidebar|duration", re.IGNORECASE
)
_WECHAT = re.compile(r"id\s{0,3}=\s{0,3}[\"'](?:js_content|activity-name|js_name)[\"']|//mp\.weixin\.qq\.com/")
_WECHAT_TIMES = (
    re.compile(
        r"\b(?:var|let|const|window\.)\s{0,3}(?:ct|svr_time_publish|publish_time|oriCreateTime)\s{0,3}=\s{0,3}[\"'](\d{10})[\"']"
    ),
    re.compile(
        r"\b(?:publish_time|createTime|create_time)\s{0,3}[=:]\s{0,3}[\"']([12]\d{3}-\d\d-\d\d[ \d:]{0,9})[\"']"
    ),
)
_WECHAT_NAMES = (
    re.compile(r"\bvar\s{1,3}nickname\s{0,3}=\s{0,3}(?:htmlDecode\()?[\"']([^\"'<>]{1,60})[\"']"),
    re.compile(r"id\s{0,3}=\s{0,3}[\"']js_name[\"'][^<>]{0,200}>\s{0,200}([^<>]{1,60})<"),
)


def page_marks(source: str) -> Iterator[tuple[str, str]]:
    """What an HTML source says of its time and its account outside the head, as names and contents of <meta>."""
    source = source[:_MAX_SOURCE]
    lower = source.encode("ascii", "replace").lower()  # a byte a character
    n_marks = 0
    for tag in _tags(_DATED_TAG, _DATED_WORDS, source, lower):
        value = _attributes(tag[1])
        yield MARKED_PUBLISHED, value.get("content") or value.get("datetime") or tag[2]
        break
    for tag in islice(_tags(_CLASSED_TAG, _CLASSED_WORDS, source, lower), _MAX_MARKS):
        value = _attributes(tag[1])
        names = ("datetime", "content", "title", *(name for name in value if name.startswith("data-")))
        if told := next((value[name] for name in names if any(map(str.isdecimal, value.get(name, "")))), None):
            yield MARKED_PUBLISHED, told
            break
    for tag in _TIME_TAG.finditer(source) if b"<time" in lower else ():
        value = _attributes(tag[1])
        about = f"{value.get('class', '')} {value.get('itemprop', '')} {'published' if 'pubdate' in value else ''}"
        if not value.get("datetime") or (_IS_OTHER.search(about) and not _IS_PUBLISHED.search(about)):
            continue
        is_published = _IS_PUBLISHED.search(about) is not None
        yield (
            (MARKED_PUBLISHED, value["datetime"])
            if is_published
            else (MARKED_TIME, f"{tag.start()} {value['datetime']}")
        )
        n_marks += 1
        if n_marks >= _MAX_MARKS:
            break
    if any(word in lower for word in _WECHAT_WORDS) and _WECHAT.search(source):
        for patterns, name in ((_WECHAT_TIMES, MARKED_PUBLISHED), (_WECHAT_NAMES, MARKED_SOURCE)):
            found = next((match for pattern in patterns if (match := pattern.search(source))), None)
            if found:
                yield name, found[1].strip()


def _tags(pattern: re.Pattern[str], words: Sequence[bytes], source: str, lower: bytes) -> Iterator[re.Match[str]]:
    """The tags of a pattern that needs one of these words in them, in order; few tags of a page have one."""
    begins = {source.rfind("<", 0, at) for word in words for at in _places(word, lower)}
    for at in sorted(begins):
        if at >= 0 and (tag := pattern.match(source, at)):
            yield tag


def _places(word: bytes, text: bytes) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _attributes(tag: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(tag):
        found.setdefault(match[1].lower(), (match[2] or match[3] or match[4] or "").strip())
    return found


def _times(head: PageHead) -> Iterator[tuple[int, str]]:
    for content in _values(head, (MARKED_TIME,)):
        at, _, value = content.partition(" ")
        if at.isdecimal():
            yield int(at), value


def clean_name(text: str) -> str | None:
    """An author's or source's name, or None if it is a URL, an account of the system, or no name at all.

    >>> clean_name("来源：中国环境报 "), clean_name("admin"), clean_name("https://example.org/a")
    ('中国环境报', None, None)
    """
    name = re.sub(r"\A(?:文章)?(?:来源|作者|Source|Author)\s*[:：]\s*", "", " ".join(text.split()))
    name = _ROLE.sub("", name.strip(" -—|·,，、;；:：()（）[]【】<>《》\"'“”"))
    if not name or len(name) > _MAX_NAME or _URL.search(name) or _NOBODY.match(name):
        return None
    return name if any(sign.isalpha() for sign in name) else None


def _values(head: PageHead, names: Sequence[str]) -> Iterator[str]:
    """The non-empty contents of the first-named <meta> elements, in the order of ``names``."""
    for name in names:
        for key, content in head.meta:
            if key == name and content.strip():
                yield content


@dataclass(frozen=True, slots=True)
class _JsonLd:
    """What the JSON-LD scripts say of the document."""

    titles: tuple[str, ...]
    authors: tuple[str, ...]
    publishers: tuple[str, ...]
    published: tuple[str, ...]

    @classmethod
    def of(cls, scripts: Sequence[str]) -> _JsonLd:
        """Of all readable scripts, articles before pages."""
        nodes = [node for script in scripts[:_MAX_SCRIPTS] for node in _nodes(_parse(script))]
        nodes.sort(key=lambda node: "WebPage" in str(node.get("@type")))
        return cls(
            titles=tuple(text for node in nodes for text in _strings(node.get("headline"))),
            authors=tuple(", ".join(names) for node in nodes if (names := _names(node.get("author")))),
            publishers=tuple(name for node in nodes for name in _names(node.get("publisher"))),
            published=tuple(text for node in nodes for text in _strings(node.get("datePublished"))),
        )


def _parse(script: str) -> object:
    """The value of a script, None if it is no JSON or too large or deep for one."""
    if len(script) > _MAX_SCRIPT:
        return None
    try:
        value: object = json.loads(_WRAPPING.sub("", script).strip().rstrip(";"), strict=False)
    except (ValueError, RecursionError):
        return None
    return value


def _nodes(value: object) -> Iterator[dict[str, object]]:
    """The objects of an article type in a JSON-LD value, through lists, @graph and mainEntity."""
    stack: list[tuple[object, int]] = [(value, 0)]
    for _ in range(_MAX_NODES):
        if not stack:
            return
        node, depth = stack.pop()
        if depth > _MAX_DEPTH:
            continue
        if isinstance(node, list):
            stack.extend((item, depth + 1) for item in reversed(node))
        elif isinstance(node, dict):
            if _ARTICLE.search(str(node.get("@type"))[:200]):
                yield node
            stack.extend((node[key], depth + 1) for key in ("mainEntity", "mainEntityOfPage", "@graph") if key in node)


def _strings(value: object) -> list[str]:
    """A value or list of values that are non-empty strings; repaired, for JSON can spell any character."""
    values = value if isinstance(value, list) else [value]
    texts = (repair(plain(text[:_MAX_STRING])).text for text in values[:10] if isinstance(text, str))
    return [text for text in texts if text.strip()]


def _names(value: object) -> list[str]:
    """Names out of a string, an object with a name, or a list of these."""
    values = value[:10] if isinstance(value, list) else [value]
    names = [item.get("name") if isinstance(item, dict) else item for item in values]
    return [name for item in names for name in _strings(item)]


# Source-and-date lines: 文章来源：…2024-09-11 08:46, By NAME, 发布时间：…, Published on ….
#
# Every key is a line of a table. To teach a key, add its words to the table of what it introduces.

MAX_LINE = 240  # characters: a source line is no paragraph

_COLON = r"\s{0,3}[:：]\s{0,3}"
#: Who published it first.
_SOURCE = re.compile(
    rf"(?:(?:文章|稿件|信息|新闻|本文|内容|资料|消息|文稿)?(?:来\s?源|來\s?源)(?:于|自)?{_COLON}|稿\s?源{_COLON}|"
    rf"(?:转载?自|转自|摘自|来自|出处|供稿单位){_COLON}|"
    rf"\b(?:Source|Sources|Originally published (?:by|at|in)|Reposted from|Via){_COLON})",
    re.IGNORECASE,
)
#: Who wrote it; editors, proof-readers and photographers are not authors.
_AUTHOR = re.compile(
    rf"(?<!原)(?:作\s?者|撰\s?文|撰\s?稿|(?<!责任)记\s?者|通讯员|供稿人?|文字){_COLON}|(?:\A|\s)文\s?[/／丨|]\s?|"
    rf"(?:\A|[\s|｜])(?:本报|本网|新华社|中新社)?记者\s(?=[\u4e00-\u9fff])|\b(?:Author|Authors|Written by|Reporter|Correspondent){_COLON}"
)
_BYLINE = re.compile(r"(?:\A|[|·]\s?)(?:Words |Written |Posted |Report |Story )?[Bb][Yy] (?=[^\W\d_a-z])")
_BY_NAME = re.compile(r"(?:(?:[^\W\d_a-z][\w.'’-]{0,30}|and|de|la|van|von|der|bin|al|&),?[ ]?){1,10}")
#: When it was published; the words of _UPDATED say when it was changed, of _OTHER_DATE what else a date may be.
_PUBLISHED = re.compile(
    r"发布(?:时间|日期|于)|发表(?:时间|日期|于)|发稿时间|刊发时间|發[布表](?:時間|日期|於)|公布日期|上网时间|(?:添加|录入|创建)(?:时间|日期)|"
    r"(?:\A|[\s|【\[])(?:时间|日期|時間)\s{0,2}[:：]|\b(?:Published|Posted|Publish (?:time|date)|Publication date|Released|Release date|"
    r"Post date|First published|Date published|Issued|Pub(?:lish)?Date)\b|(?:\A|[\s|])(?:Date|Time)\s{0,2}[:：]",
    re.IGNORECASE,
)
_UPDATED = re.compile(
    r"更新(?:时间|日期|于)?|修改时间|最后编辑|更新時間|\b(?:Last )?(?:Updated|Modified|Revised|Edited)\b", re.IGNORECASE
)
_OTHER_DATE = re.compile(
    r"今天是|今日是|现在是|当前时间|today is|截止|截至|报名|会议时间|活动时间|举办|开幕|有效期|实施日期|生效|施行|到期|开标|"
    r"deadline|expires|valid until|effective|copyright|©|版权|备案|register by",
    re.IGNORECASE,
)
#: What right before a date says that it is of something the text tells of.
_OF_AN_EVENT = re.compile(
    r"(?:活动|活動|会议|會議|演出|比赛|比賽|考试|考試|培训|讲座|講座|展览|展覽|开始|開始|结束|結束|出生|注册|註冊|加入|登录|入职|成立|日時|開催|会期|締切"
    r"|행사|개최|가입|\b(?:events?|when|starts?|begins?|ends?|opens?|meeting|concert|venue|born|joined|member since|last seen|founded|due)\b)"
    r"[^，。,.|｜]{0,8}\Z",
    re.IGNORECASE,
)
#: Where a value ends: the next key, or a separator.
_NEXT = re.compile(
    r"[|｜;；\t\u3000]|分享到?|收藏|\s[-–—/]\s|\s{2,}|[\[【（(]\s?(?:字体|字号|打印|大\s?中\s?小)|(?:作\s?者|责任编辑|责编|编\s?辑|编\s?审|审\s?核|校\s?对|记\s?者|"
    r"通讯员|(?:发布|发表|发稿|刊发|更新|添加|录入|创建|上网|上传|修改)(?:时\s?间|日\s?期)?|时\s?间|日\s?期|字\s?号|字\s?体|点\s?击|浏\s?览|阅\s?读|访\s?问|人气|分\s?享|打\s?印|关\s?闭|来\s?源|稿\s?源|摄影|次数)"
    r"\s{0,3}[:：【\[(（\s]|\b(?:Author|Editor|Date|Time|Views?|Hits|Share|Print|Published|Posted|Updated|Source|Font)\b\s{0,2}:?",
    re.IGNORECASE,
)
_NAME_ZH = re.compile(r"[\u3400-\u9fff·]{2,12}(?:[、,，/ ][\u3400-\u9fff·]{2,5}){0,5}")
_SOURCE_ZH = re.compile(r"[^\s|｜,，;；]{1,60}")
_NOISE = re.compile(
    r"[\s\W_]+|\b(?:on|at|by|views?|reads?)\b|浏览|阅读|次|点击|字号|来源|大|中|小|打印|\d+", re.IGNORECASE
)


#: Last words of the names of media and offices; a name that stands beside a date alone is a source by them.
_MEDIA = re.compile(
    r"(?:[报報网網社台臺刊]|日报|晚报|晨报|新闻|新聞|在线|在線|观察|觀察|客户端|周刊|杂志|雜誌|频道|頻道|电视|電視|广播|廣播|新聞|通信|日刊"
    r"|[部厅局署院会委府]|일보|신문|뉴스|방송|\b(?:Times|Post|News|Herald|Courier|Gazette|Tribune|Journal|Press|Daily|Chronicle|Mail|Echo|Standard|Star|Reuters|AFP))\Z"
)
_BAR = re.compile(r"\s{0,3}[|｜丨│•·]\s{0,3}|\s[-–—/]\s|[\t\u3000]|\s{2,9}")
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s\u4e00-\u9fff]{1,200}")
_KEYED = re.compile(
    r"\A(?:(?:作\s?者|记\s?者|記\s?者|撰\s?文|文|通讯员|通訊員|[Aa]uthor|[Rr]eporter)[\s:：/]{1,3}|(?:[Bb]y|Von|Par|Por|Di|Door|Av)\s)(?=\S)"
)
_SHORT_NAME = 24  # code points

_ANY = re.compile(r"[:：/／|｜丨\d]|记者|[Bb]y ")  # a cheap look: every key has one of these, and every date


@dataclass(frozen=True, slots=True)
class SourceLine:
    """What one line says of its document's origin. None where it says nothing."""

    source: str | None
    author: str | None
    date: FoundDate | None
    strength: int  # of the date: 4 a publication key, 3 a source line, 2 little but a date, 1 an update key, 0 none


_NOTHING = SourceLine(None, None, None, 0)


def read_source_line(text: str, *, day_first: bool = False) -> SourceLine:
    """The source, author and publication date that a line names; ``day_first``: 05/03/2024 is in March.

    >>> line = read_source_line("文章来源:生态环境部碳交易网2024-09-11 08:46")
    >>> line.source, line.date.text, line.strength
    ('生态环境部碳交易网', '2024-09-11 08:46', 3)
    """
    text = text[:MAX_LINE]
    if not _ANY.search(text):
        return _NOTHING
    text = _ADDRESS.sub(lambda match: " " * len(match[0]), text)
    dates = find_dates(text, day_first=day_first)
    source, author = _source(text, dates), _author(text, dates)
    if len(dates) == 1 and not (source and author) and not _OTHER_DATE.search(text):
        names = _beside(text, dates[0])
        source = source or next((name for key, name in names if not key and _MEDIA.search(name)), None)
        author = author or next((name for key, name in names if key), None)
    date, strength = _publication(text, dates, sourced=source is not None or author is not None)
    return SourceLine(source, author, date, strength)


def _publication(text: str, dates: tuple[FoundDate, ...], *, sourced: bool) -> tuple[FoundDate | None, int]:
    """The date of publication in a line and how plainly the line says so."""
    dated = [
        found
        for found in dates
        if found.year is not None and not _OF_AN_EVENT.search(text, max(0, found.start - 20), found.start)
    ]
    if not dated or _OTHER_DATE.search(text):
        return None, 0
    key = _PUBLISHED.search(text)
    if key:
        after = next((found for found in dated if found.start >= key.end() - 1), dated[0])
        return after, 4
    updated = _UPDATED.search(text)
    if updated and dated[0].start >= updated.start():
        return dated[0], 1
    if sourced:
        return dated[0], 3
    rest = "".join(text[: dated[0].start] + text[dated[0].end :])
    left = len(_NOISE.sub("", rest))
    return (dated[0], 2) if left <= max(12, dated[0].end - dated[0].start) else (None, 0)


def _beside(text: str, date: FoundDate) -> list[tuple[bool, str]]:
    """The names of a line of few words around a date, between bars; each with whether a word calls it an author."""
    parts = [part.strip() for side in (text[: date.start], text[date.end :]) for part in _BAR.split(side)]
    names = []
    for part in filter(None, parts):
        key = _KEYED.match(part)
        name = clean_name(part[key.end() :] if key else part)
        if name and len(name) <= _SHORT_NAME and not any(map(str.isdecimal, name)):
            names.append((key is not None, name))
    return names if len(parts) <= 8 else []


def _value(text: str, start: int, dates: tuple[FoundDate, ...]) -> str:
    """The text from ``start`` to the next key, separator or date."""
    end = min((found.start for found in dates if found.start >= start), default=len(text))
    following = _NEXT.search(text, start + 1)
    return text[start : min(end, following.start()) if following else end].strip()


def _source(text: str, dates: tuple[FoundDate, ...]) -> str | None:
    """The name after a source key; a Chinese one ends at a space."""
    key = _SOURCE.search(text)
    if key is None:
        return None
    value = _value(text, key.end(), dates)
    first = _SOURCE_ZH.match(value)
    if first and has_cjk(first[0]):
        value = first[0]
    return clean_name(value)


def _author(text: str, dates: tuple[FoundDate, ...]) -> str | None:
    """The name or names after an author key or in a byline."""
    key = _AUTHOR.search(text)
    if key is not None:
        value = _value(text, key.end(), dates)
        chinese = _NAME_ZH.match(value)
        return clean_name(chinese[0] if chinese else value)
    byline = _BYLINE.search(text)
    if byline is None:
        return None
    name = _BY_NAME.match(_value(text, byline.end(), dates))
    return clean_name(re.sub(r"(?:[\s,]+(?:and|&))?[\s,]*\Z", "", name[0])) if name else None
