"""Records of JSON, CSV and Parquet: where in a value the documents are, and which field is text, address, title, time.

Another name for a field is one more word in the tables: lower case, without spaces, ``_``, ``-`` and ``.``. What no
name tells is told by what it holds. ``text_field`` and its like in ``ReadLimits`` are for whom a guess will not do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import Final, TypeAlias, TypeVar

from pipeline.errors import Reason
from pipeline.read.limits import Origin, ReadFailure, ReadLimits
from pipeline.read.sniff import starts_with_markup
from pipeline.text.prose import PROSE_TOKENS, holds_sentence
from pipeline.text.safety import clean_url, printable
from pipeline.text.tokens import count_tokens
from pipeline.types import Flag, Record

#: Names of the text, the surest first: English, Chinese, Japanese, Korean, French, Spanish, German, Russian.
TEXT_NAMES: Final = tuple(
    """text content body html rawcontent 正文 内容 maintext pagecontent articlebody articletext articlecontent fulltext
    newscontent contenttext contenthtml htmlcontent bodytext bodyhtml htmlbody rawhtml pagehtml textcontent plaintext
    cleantext cleanedtext rawtext markdown md article document doc story passage selftext post paragraphs paragraph
    全文 文本 正文内容 文章内容 新闻内容 文章正文 新闻正文 网页正文 文章 内文 正文文本 內容 內文 文章內容 新聞內容
    本文 記事 본문 내용 contenu texte contenido texto inhalt volltext текст содержание""".split()
)
#: What says a little of a text, and is taken where nothing says more.
TEASER_NAMES: Final = tuple(
    """description summary abstract excerpt teaser lead digest snippet intro 摘要 简介 导语 概要 概述 描述 簡介 導語
    要約 요약 résumé resumen zusammenfassung""".split()
)
URL_NAMES: Final = tuple(
    """url link sourceurl originalurl articleurl newsurl pageurl weburl fullurl permalink canonicalurl href uri loc
    targeturi warctargeturi externalurl address 网址 链接 原文链接 文章链接 新闻链接 来源链接 地址 網址 連結 鏈接
    原文連結 リンク 링크 enlace lien адрес""".split()
)
TITLE_NAMES: Final = tuple(
    """title headline heading newstitle articletitle pagetitle webtitle docstitle subject 标题 新闻标题 文章标题 题目
    題名 標題 題目 タイトル 제목 titre título titulo titel überschrift заголовок""".split()
)
PUBLISHED_NAMES: Final = tuple(
    """published publishedat publishtime publishdate publisheddate publishedtime pubdate pubtime publicationdate
    datepublished datepublish webpublicationdate date time datetime releasetime releasedate posttime postdate postedat
    posted createdat created createtime createdtime createdate datecreated createdutc ctime ptime timestamp
    发布时间 发布日期 发表时间 发表日期 出版时间 日期 时间 發布時間 發佈時間 發布日期 發表時間 日期時間 時間 公開日
    投稿日 작성일 날짜 fecha datum дата""".split()
)
AUTHOR_NAMES: Final = tuple(
    """author authors byline creator dccreator writer authorname 作者 记者 撰文 記者 著者 저자 기자 auteur autor автор
    """.split()
)
SOURCE_NAMES: Final = tuple(
    """source sourcename sitename site publisher media outlet newspaper 来源 文章来源 新闻来源 来源网站 媒体 出处
    來源 文章來源 媒體 出處 出典 출처 fuente quelle источник""".split()
)
#: Objects that say something of the record beside them, or hold its fields.
ABOUT: Final = frozenset("metadata meta fields attributes properties info".split())
#: What lies beside a document and is none.
ASIDE: Final = frozenset(
    """comments comment replies reply related relatedarticles recommend recommends recommendations recommended tags tag
    categories category author authors user users images image thumbnails highlight highlights aggregations aggs facets
    suggest pagination paging ads ad videos video crew 评论 回复 相关 相关阅读 推荐 标签 評論 回覆 相關 標籤""".split()
)
#: Where an object that stands for a text has it, as WordPress, XML converters and feed parsers make them.
_INNER: Final = ("rendered", "value", "text", "#text", "_text", "$t", "html", "content", "body", "raw", "plain")
#: The same of a name or a time: MongoDB's export among them.
_NAME: Final = ("name", "title", "displayname", "username", "rendered", "value", "text", "#text", "$date", "iso")
_TAG: Final = re.compile(
    r"<(?:p|br|div|span|h[1-6]|ul|ol|li|table|tr|td|strong|em|b|i|a|img|blockquote|section|article|figure)"
    r"(?:\s[^<>]{0,500})?/?>",
    re.IGNORECASE,
)
_BLOCK_TAG: Final = re.compile(r"</(?:p|div|h[1-6]|li|table|section|article|blockquote)>|<br\s{0,3}/?>", re.IGNORECASE)
_LOOKED_AT = 4_000  # characters of a text that say whether it is mark-up or prose
_MIN_TAGS = 3
_SHORT, _FAR_LONGER = 200, 5  # a text so short yields to another so many times longer
_HELD_TOKENS = 40  # of a string that is taken for the text by what it holds
_MAX_HELD = 5  # strings of an object that are looked at for that, the longest
_MAX_UNFOLD = 6  # objects and lists around the documents
_MAX_SEEN = 12  # field names in a message
_PROBE, _PROBES = 16, 40  # letters and digits of a text that are looked for in another one, and how often

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_FILLING = re.compile(r"[\s_\-.]+")
_AGAIN = re.compile(r"#\d+\Z")  # behind the name of a second field of one name
_TAGS = re.compile(r"<[^<>]{0,2000}>")
_NO_LETTER = re.compile(r"[\W_]+")

Object: TypeAlias = Mapping[str, object]
T = TypeVar("T")


class Number(str):
    """A number as it was written: converting it could fail, and no text is one."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A document in a value: its object, and the objects around and beside it that say something of it."""

    value: Object
    about: tuple[Object, ...] = ()
    listed: bool = False  # it is one of a list

    @property
    def layers(self) -> tuple[Object, ...]:
        """The object and what says something of it, nearest first."""
        return (self.value, *self.about)


@lru_cache(maxsize=4096)
def key_of(name: str) -> str:
    """A field's name as the tables have it.

    >>> key_of("Publish_Time"), key_of("发布 时间")
    ('publishtime', '发布时间')
    """
    return _FILLING.sub("", name[:200]).casefold()


@lru_cache(maxsize=4096)
def _base_of(name: str) -> str:
    """The key of a field's name, whichever of several of that name it is.

    >>> _base_of("Full Text#2")
    'fulltext'
    """
    return key_of(_AGAIN.sub("", name))


def object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON by its names and values (``object_pairs_hook``), nothing of it lost.

    RFC 8259 4: names should be unique, and it cannot be foreseen what software makes of one that is there again. Here
    the last value that is not empty has it; others that are different have "name#2" and so on.

    >>> object_of([("text", "清河"), ("text", "水厂"), ("text", "")])
    {'text#2': '清河', 'text': '水厂'}
    """
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    chosen: dict[str, int] = {}
    for at, (name, one) in enumerate(pairs):
        if one or name not in chosen:
            chosen[name] = at
    numbers = dict.fromkeys(made, 1)
    whole: dict[str, object] = {}
    for at, (name, one) in enumerate(pairs):
        if at == chosen[name]:
            whole[name] = one
        elif one and one != pairs[chosen[name]][1]:
            again = name
            while again in made or again in whole:
                numbers[name] += 1
                again = f"{name}#{numbers[name]}"
            whole[again] = one
    return whole


def documents_in(value: object, limits: ReadLimits) -> list[Found | object]:
    """The documents of a value, in order: itself, or what its lists and envelopes hold.

    An entry of a list that has some is given as it is when it holds none: it should have been one. [] when there is
    nothing that could be a document.
    """
    value = [unfolded(one) for one in value] if isinstance(value, list) else unfolded(value)
    tests = (_has_field(limits.text_field),) if limits.text_field else (_is_named, _is_teased, _is_held)
    for test in tests:
        if found := list(_unfolded(value, (), False, _MAX_UNFOLD, test)):
            return found
    return []


def _is_text_name(name: object) -> bool:
    return key_of(str(name)) in _TEXT_KEYS


def unfolded(value: object) -> object:
    r"""An object out of a string that holds it as JSON; in place of a text field that is JSON itself what that says.

    >>> unfolded('{"text": "[\\"清河\\", \\"水厂\\"]"}')
    {'text': '清河\n水厂'}
    """
    for _ in range(_MAX_FOLDS):
        if isinstance(value, str):
            inner = _as_json(value)
            if not isinstance(inner, (str, dict)):
                return value
            value = inner
            continue
        if not isinstance(value, dict):
            return value
        name = next(
            (one for one in value if _is_text_name(one) and type(value[one]) is str and value[one].strip()), None
        )
        inner = _as_json(value[name]) if name else None
        if isinstance(inner, list) and inner and all(type(one) is str for one in inner):
            inner = "\n".join(inner)
        if isinstance(inner, str):
            value = {**value, str(name): inner}
        elif isinstance(inner, dict) and any(_is_text_name(key) and type(inner[key]) is str for key in inner):
            beside = {key: one for key, one in value.items() if key != name and not _is_text_name(key) and one}
            value = {**inner, **beside}
        else:
            return value
    return value


_MAX_FOLDS = 4  # JSON in a string in JSON
_MAX_FOLDED = 8_000_000  # code points of such a string
_FOLDED = {'"': '"', "{": "}", "[": "]"}


def _as_json(text: str) -> object:
    """What a text says as JSON; None when it is none, or just in quotes."""
    text = text.strip()
    if (
        len(text) > _MAX_FOLDED
        or len(text) < 2
        or _FOLDED.get(text[0]) != text[-1]
        or (text[0] == '"' and "\\" not in text)
    ):
        return None
    try:
        value: object = json.loads(
            text, strict=False, parse_int=Number, parse_float=Number, object_pairs_hook=object_of
        )
    except (ValueError, RecursionError):
        return None
    return value


def record_of(found: Found, member: str | None, origin: Origin, limits: ReadLimits) -> Record:
    """Return the Record of a document. Raises ReadFailure: MISSING_TEXT, EMPTY."""
    name, text = _text_of(found.value, limits.text_field)
    clean = _SURROGATE.sub("\ufffd", text)
    known = [_keyed(layer, but=found.value) for layer in found.layers]
    key = key_of(name.rpartition(".")[2])
    flags = (
        *origin.flags,
        *(() if clean == text else (Flag.LONE_SURROGATES,)),
        *((Flag.TWO_TEXTS,) if _holds_another(found.value, text, limits.text_field) else ()),
    )
    media_type = "text/html" if "html" in key or is_markup(clean) else "text/plain"
    if media_type == "text/plain" and key in {"markdown", "md"}:
        media_type = "text/markdown"
    return Record(
        path=origin.path,
        member=member,
        content=clean.encode("utf-8"),
        media_type=media_type,
        url=_url_of(found.layers, limits.url_field, known),
        charset="utf-8",
        published=_named(found.layers, limits.time_field) if limits.time_field else _first(known, PUBLISHED_NAMES),
        title=_first(known, TITLE_NAMES),
        author=_first(known, AUTHOR_NAMES),
        source=_source_of(known),
        flags=flags,
    )


def missing_text(value: object, limits: ReadLimits) -> ReadFailure:
    """Return why a value is no document, with the names of the fields that were seen."""
    if not isinstance(value, Mapping):
        return ReadFailure(Reason.MISSING_TEXT, "It is JSON but no object, so it has no text field.")
    wanted = f"no field {limits.text_field!r} with text" if limits.text_field else "no field that holds text"
    return ReadFailure(
        Reason.MISSING_TEXT, f"It has {wanted} (there are {names_in(value)}). Name it with the setting text_field."
    )


def names_in(value: Object) -> str:
    """The names of the fields of an object, as many as are of use in a message."""
    names = [printable(str(name), limit=40) for name in list(value)[: _MAX_SEEN + 1]]
    return ", ".join([*names[:_MAX_SEEN], *(["..."] if len(names) > _MAX_SEEN else [])]) or "none"


def says_origin(value: object) -> bool:
    """Whether an object has a title, an address or a time, as a document has that lacks its text."""
    return isinstance(value, Mapping) and not _ORIGIN.isdisjoint(map(key_of, value))


def is_markup(text: str) -> bool:
    """Whether a text is HTML: it begins with an element, or has several, one of them of a block.

    >>> is_markup("导语<br>第一段。<br/><b>第二段。</b>"), is_markup("Write <p> to begin a paragraph.")
    (True, False)
    """
    if starts_with_markup(text):
        return True
    head = text[:_LOOKED_AT]
    return "<" in head and _BLOCK_TAG.search(head) is not None and len(_TAG.findall(head)) >= _MIN_TAGS - 1


def reads_as_text(text: str) -> bool:
    """Whether a string is the text of a document by what it holds: prose of some length, marked up or not."""
    head = text[:_LOOKED_AT]
    if is_markup(text):
        head = _TAG.sub(" ", head)
    return holds_sentence(head) and count_tokens(head) >= _HELD_TOKENS


_TEXT_KEYS, _TEASER_KEYS = frozenset(TEXT_NAMES), frozenset(TEASER_NAMES)
_ORIGIN: Final = frozenset((*TITLE_NAMES, *URL_NAMES, *PUBLISHED_NAMES))
_NAMED: Final = frozenset((*TITLE_NAMES, *URL_NAMES))  # an envelope has at most a time, of its own making
_ID_NAMES: Final = ("id", "guid")
_CODES: Final = frozenset((*URL_NAMES, *_ID_NAMES))
_INNER_KEYS: Final = frozenset(_INNER)
_SAYING: Final = frozenset((*_ORIGIN, *AUTHOR_NAMES, *SOURCE_NAMES, *_ID_NAMES))
_NO_TEXT: Final = frozenset((*_ORIGIN, *AUTHOR_NAMES, *SOURCE_NAMES)) | ASIDE


def _unfolded(
    value: object, about: tuple[Object, ...], listed: bool, depth: int, test: Callable[[Object], bool]
) -> Iterator[Found | object]:
    """Yield the documents in a value, and what stands among them and is none."""
    if isinstance(value, list):
        each = [(one, list(_unfolded(one, (), True, depth - 1, test)) if depth else []) for one in value]
        if any(found for _, found in each):
            for one, found in each:
                yield from found or [one]
    elif isinstance(value, Mapping):
        beside = tuple(one for name, one in value.items() if isinstance(one, Mapping) and key_of(name) in ABOUT)
        if test(value):
            yield Found(value, (*beside, *about), listed)
        elif depth:
            about = (value, *beside, *about) if not _NAMED.isdisjoint(map(key_of, value)) else about
            for name, one in value.items():
                if isinstance(one, (Mapping, list)) and one and _base_of(name) not in ASIDE:
                    yield from _unfolded(one, about, listed, depth - 1, test)


def _is_named(value: Object) -> bool:
    return any(key_of(name) in _TEXT_KEYS and text_in(one) is not None for name, one in value.items())


def _is_teased(value: Object) -> bool:
    return says_origin(value) and (_teaser(value) is not None or _longest(value) is not None)


def _is_held(value: Object) -> bool:
    return _longest(value) is not None


def _has_field(field: str) -> Callable[[Object], bool]:
    return lambda value: text_in(at_path(value, field)) is not None


def at_path(value: object, field: str) -> object:
    """Return the field of an object, or what dots in its name lead to; None when there is none."""
    while isinstance(value, Mapping):
        if field in value:
            return value[field]
        first, _, field = field.partition(".")
        if not field:
            return None
        value = value.get(first)
    return None


def text_in(value: object, depth: int = 3) -> str | None:
    """Return the text that a field's value is: a string, a list of paragraphs, an object around one; else None."""
    if type(value) is str:
        return value
    if isinstance(value, list) and value and depth:
        parts = [text_in(one, depth - 1) for one in value]
        return None if None in parts else "\n".join(part for part in parts if part)
    if isinstance(value, Mapping) and depth and not says_origin(value):
        inner = (text_in(value[name], depth - 1) for name in _INNER if name in value)
        return next((text for text in inner if text is not None), None)
    return None


def _text_of(value: Object, field: str | None) -> tuple[str, str]:
    """Return the name and text of the field that is a document's text. Raises ReadFailure: EMPTY."""
    if field:
        chosen = text_in(at_path(value, field)) or ""
        if not chosen.strip():
            raise ReadFailure(Reason.EMPTY, f"Its text field, {printable(field, limit=40)}, is blank.")
        return field, chosen
    named = [(name, text) for name, one in value.items() if (text := _named_text(name, one)) is not None]
    by_key = _by_key((name, text) for name, text in named if text.strip())
    filled = [by_key[key] for key in TEXT_NAMES if key in by_key]
    if filled:
        longest = max(filled, key=lambda one: len(one[1]))
        is_short = len(filled[0][1]) < _SHORT and len(longest[1]) > _FAR_LONGER * len(filled[0][1])
        return longest if is_short else filled[0]
    if other := _longest(value) or _teaser(value):
        return other
    blank = _by_key(named)
    name = next((blank[key][0] for key in TEXT_NAMES if key in blank), "")
    raise ReadFailure(Reason.EMPTY, f"Its text field, {printable(name, limit=40)}, is blank.")


def _by_key(fields: Iterable[tuple[str, T]]) -> dict[str, tuple[str, T]]:
    """Fields by their keys: of those that come to the same key the one that is spelt like it, else the first."""
    found: dict[str, tuple[str, T]] = {}
    for name, one in fields:
        key = key_of(name)
        if key not in found or name == key:
            found[key] = (name, one)
    return found


def _named_text(name: str, value: object) -> str | None:
    return text_in(value) if key_of(name) in _TEXT_KEYS else None


def _longest(value: Object) -> tuple[str, str] | None:
    """Return the longest string that reads as the text of a document, and its field's name."""
    held = [
        (name, text)
        for name, one in value.items()
        if _base_of(name) not in _NO_TEXT and isinstance(one, (str, list)) and (text := text_in(one, 1))
    ]
    held.sort(key=lambda one: -len(one[1]))
    return next((one for one in held[:_MAX_HELD] if reads_as_text(one[1])), None)


def _holds_another(value: Object, text: str, field: str | None) -> bool:
    """Whether an object holds a text that is neither the one that was taken from it nor another form of that.

    Under a name of a text, or in an object within that is none of ``ASIDE``. Where no text belongs, in a title, an
    address or an id, also one that holds the other: a row's cells may be out of place. Under a name that nobody knows
    only beside a text that is short, and far longer than it. An address or an id with a sentence is a piece of a text.
    """
    named = frozenset((_base_of(field),)) if field else _TEXT_KEYS
    others = _held_in(value, named, text)
    if not field and len(text) < _SHORT and (longest := _longest(value)) and len(longest[1]) > _FAR_LONGER * len(text):
        return True
    if any(map(is_no_code, _strings_in(value, _CODES, 0))):
        return True
    return bool(others and not are_forms(text, others)) or any(
        not stands_in(one, text) for one in _held_in(value, _SAYING - named, text)
    )


def _held_in(value: Object, names: Set[str], text: str) -> list[str]:
    """The longest strings under names that read as a text and are not this one."""
    others = {one for one in _strings_in(value, names, 3) if len(one) >= _HELD_TOKENS and one != text}
    return [one for one in sorted(others, key=len)[-_MAX_HELD:] if reads_as_text(one)]


def _strings_in(value: object, wanted: Set[str], depth: int) -> Iterator[str]:
    """Yield the strings under names that are wanted, in an object and in those in it; those of a list as one."""
    each: Iterable[tuple[bool, object]] = ()
    if isinstance(value, Mapping):
        each = ((_base_of(name) in wanted, one) for name, one in value.items() if _base_of(name) not in ASIDE)
    elif isinstance(value, list):
        each = ((False, one) for one in value)
    for is_wanted, one in each:
        if type(one) is str:
            if is_wanted:
                yield one
        elif is_wanted and isinstance(one, list):
            yield "\n".join(part for part in one if type(part) is str)
        if depth and isinstance(one, (Mapping, list)):
            yield from _strings_in(one, wanted | _INNER_KEYS if is_wanted else wanted, depth - 1)


def are_forms(text: str, others: Iterable[str]) -> bool:
    """Whether all others are the same text in another form, as a page and what is in it: most of the shorter of the
    two stands in the longer one.
    """
    letters = _letters(text)
    return all(_is_mostly_in(*sorted((_letters(one), letters), key=len)) for one in others)


def stands_in(one: str, text: str) -> bool:
    """Whether most of one text is in another one, in whatever form."""
    return _is_mostly_in(_letters(one), _letters(text))


def is_no_code(text: str) -> bool:
    """Whether what should be an address or an id is running text.

    >>> is_no_code("https://example.org/a?b=1"), is_no_code("7 渡船只在工作日停靠磨坊。星期天看守人自己摆渡")
    (False, True)
    """
    words = _TAGS.sub(" ", text[:_LOOKED_AT])
    return holds_sentence(words) and count_tokens(words) >= PROSE_TOKENS


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", unescape(_TAGS.sub(" ", text))).casefold()


def _is_mostly_in(one: str, other: str) -> bool:
    probes = range(0, max(len(one) - _PROBE, 0) + 1, max(len(one) // _PROBES, 1))
    return 2 * sum(one[at : at + _PROBE] in other for at in probes) >= len(probes)


def _teaser(value: Object) -> tuple[str, str] | None:
    found = _by_key((name, text) for name, one in value.items() if (text := _teaser_text(name, one)))
    return next((found[key] for key in TEASER_NAMES if key in found), None)


def _teaser_text(name: str, value: object) -> str | None:
    text = text_in(value) if key_of(name) in _TEASER_KEYS else None
    return text if text and text.strip() else None


def _keyed(layer: Object, *, but: Object) -> Object:
    """The fields of an object that say something of the document, by their keys."""
    saying = ((name, one) for name, one in layer.items() if key_of(name) in _SAYING and one is not but)
    return {key: one for key, (_, one) in _by_key(saying).items()}


def _named(layers: Sequence[Object], field: str) -> str | None:
    return next(filter(None, (_line(at_path(layer, field)) for layer in layers)), None)


def _first(known: Sequence[Object], names: Sequence[str]) -> str | None:
    """Return the first of the named fields that has something in it, on one line."""
    for layer in known:
        for name in names:
            if name in layer and (clean := _line(layer[name])):
                return clean
    return None


def _line(value: object) -> str | None:
    """Return a string, number, or list or object that names something, as one clean line."""
    if isinstance(value, Mapping):
        keys = {key_of(str(name)): one for name, one in value.items()}
        return next(filter(None, (_line(keys[name]) for name in _NAME if isinstance(keys.get(name), (str, int)))), None)
    if isinstance(value, list):
        parts = [part for one in value[:20] if not isinstance(one, list) and (part := _line(one))]
        return ", ".join(parts) or None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return _CONTROL.sub(" ", _SURROGATE.sub("\ufffd", str(value))).strip() or None


def _url_of(layers: Sequence[Object], field: str | None, known: Sequence[Object]) -> str | None:
    """Return the address; what is called source or id is one if it looks like one, as LangChain has it."""
    said = _named(layers, field) if field else _first(known, URL_NAMES)
    if not said and not field:
        others = (_first(known, names) for names in (SOURCE_NAMES, _ID_NAMES))
        said = next((one for one in others if one and _is_address(one)), None)
    return clean_url(said or "") or None


def _source_of(known: Sequence[Object]) -> str | None:
    said = _first(known, SOURCE_NAMES)
    return None if said is None or _is_address(said) else said


def _is_address(text: str) -> bool:
    return text.startswith(("http://", "https://"))
