"""Make a corpus of any size with known truth out of a folder of saved pages.

    python -m benchmarks.corpus OUT --files 2000 [--seed 0] [--mix mixed] [--data ../shared/data/extraction]

The data folder has ``gold.jsonl`` (page, lang, site, gold: the main text) and ``pages/*.html.gz``. A page becomes a
*frame*: its text nodes that are main text are taken out, and a *story* is put in their place, of sentences drawn from
all pages of that language with their numbers changed. So two stories share next to nothing, whatever their frames.
Records are stories, edited copies of earlier stories, or pages as stored; files are those in several forms, exact
copies of files, hostile files and files to skip. ``OUT.truth.jsonl`` has a row a record: path, member (None for a
whole file), outcome (document, duplicate, quarantine, skipped), also_ok, cluster, page, edit, form, encoding.

Everything about file i follows from the seed and i. A new form, edit or hostile file is one entry in its table.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import random
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

from rich.progress import track

from pipeline.text.tokens import CJK

DATA, DATA_ZH = Path("../shared/data/extraction"), Path("../shared/data/extraction-zh")
CHINESE = 0.35  # of the records, as in the corpus that the peers were measured on
FILES_PER_FRAME = 8  # a site's frame is shared by about this many files
MAX_PAGE = 500_000  # bytes of a stored page
EDITS = ("paragraph-dropped", "paragraph-inserted", "tokens-changed", "other-frame")
#: (charset of the bytes, charset declared) and weights; "" declares none. Chinese pages, then others.
CHARSETS = {
    "zh": {("utf-8", "utf-8"): 40, ("gbk", "gb2312"): 20, ("gb18030", "gb18030"): 8, ("gbk", ""): 14,
           ("utf-8", ""): 8, ("gbk", "utf-8"): 5, ("utf-8", "gb2312"): 5},
    "en": {("utf-8", "utf-8"): 70, ("utf-8", ""): 15, ("windows-1252", "iso-8859-1"): 8, ("utf-8", "iso-8859-1"): 7},
}  # fmt: skip


_SKIP = r"<(script|style|noscript|textarea|template|head)\b.*?</\1\s*>|<!--.*?-->"
_NODE = re.compile(_SKIP + r"|(?<=>)[^<>]+", re.DOTALL | re.IGNORECASE)
_UNSEEN = re.compile(_SKIP, re.DOTALL | re.IGNORECASE)
_BLOCK_TAG = re.compile(
    r"</?(?:p|div|h[1-6]|li|ul|ol|tr|td|th|table|section|article|blockquote|pre|br|hr|dd|dt|dl|body"
    r"|header|footer|nav|main)\b[^>]*>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^>]+>")
_CHARSET = re.compile(r"<meta[^>]{0,200}charset[^>]{0,200}>", re.IGNORECASE)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_STORED_TEXT = re.compile(r'("articleBody"\s*:\s*")(?:[^"\\]|\\.)*"')
_SENTENCE = re.compile(r"(?<=[。！？])|(?<=[.!?])\s+")
_WORD = re.compile(f"[{CJK}]|[^\\W\\d_{CJK}]+")
_DIGIT = re.compile(r"\d")
#: By language: characters from which a text node is a paragraph, least and most characters of a sentence,
#: what joins sentences and inline pieces.
SCALE = {"zh": (15, 12, 120, ""), "en": (40, 30, 300, " ")}


@dataclass(frozen=True, slots=True)
class Page:
    """A row of gold.jsonl."""

    page: str
    lang: str
    site: str
    gold: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A page with slots where its main text was: ``between`` has one string more than there are slots."""

    between: tuple[str, ...]
    sizes: tuple[int, ...]  # characters that each slot held
    n_bytes: int  # of the page as stored
    usable: bool  # nearly all of the main text is in slots, and it is a story's length

    def fill(self, pieces: Sequence[str]) -> str:
        """The page with a piece in each slot. A line feed in a piece is a <br>."""
        inner = (html.escape(piece, quote=False).replace("\n", "<br><br>") for piece in pieces)
        return self.between[0] + "".join(a + b for a, b in zip(inner, self.between[1:], strict=True))

    def fill_largest(self, paragraphs: Sequence[str]) -> str:
        """The page with all paragraphs where its largest slot was and nothing in the others."""
        largest = self.sizes.index(max(self.sizes))
        inner = "".join(f"<p>{html.escape(text, quote=False)}</p>" for text in paragraphs)
        return "".join(self.between[: largest + 1]) + inner + "".join(self.between[largest + 1 :])

    def paragraphs(self, pieces: Sequence[str], joint: str) -> list[str]:
        """The pieces, those of one block element joined."""
        found: list[str] = []
        for piece, before in zip(pieces, self.between, strict=False):
            if found and not _BLOCK_TAG.search(before):
                found[-1] += joint + piece
            else:
                found.append(piece)
        return [text for text in found if text]


def read_pages(data: Path) -> list[Page]:
    """The rows of gold.jsonl in a data folder. Raises SystemExit when there is none."""
    file = data / "gold.jsonl"
    if not file.is_file():
        raise SystemExit(f"No data: there is no {file}. Name a folder with gold.jsonl and pages/ with --data.")
    rows = map(json.loads, file.read_text("utf-8").rstrip("\n").split("\n"))
    return [Page(row["page"], row["lang"], row["site"], row["gold"]) for row in rows]


@lru_cache(maxsize=32)
def load_frame(data: Path, page: Page) -> Frame:
    """Take the main text out of a stored page: each text node that is found in it, white space aside."""
    stored = gzip.decompress((data / page.page).read_bytes())
    source = _STORED_TEXT.sub(r'\1"', decode(stored))
    gold = "".join(page.gold.split())
    least = 4 if page.lang == "zh" else 8
    between, sizes, at = [], [], 0
    for match in _NODE.finditer(source):
        text = "" if match[0].startswith("<") else "".join(html.unescape(match[0]).split())
        if len(text) >= least and text in gold:
            between.append(source[at : match.start()])
            sizes.append(len(" ".join(match[0].split())))
            at = match.end()
    between.append(source[at:])
    usable = len(gold) >= (200 if page.lang == "zh" else 500) and 0.85 < sum(sizes) / len(page.gold) < 1.5
    return Frame(tuple(between), tuple(sizes), len(stored), usable)


def decode(stored: bytes) -> str:
    """UTF-8 or GB18030, whichever it is: enough for a page that is only used if its main text is found in it."""
    try:
        return stored.decode("utf-8")
    except UnicodeDecodeError:
        return stored.decode("gb18030", "replace")


def text_lines(page: str, *, every_node: bool = False) -> list[str]:
    """A page as plain text: a line a block, or a line a text node, as careless scrapers save it."""
    text = _UNSEEN.sub("", page)
    text = _TAG.sub("\n" if every_node else "", _BLOCK_TAG.sub("\n", text))
    lines = (" ".join(html.unescape(line).split()) for line in re.split(r"\n", text))
    return [line for line in lines if line]


def sentences_of(pages: Iterable[Page], lang: str) -> tuple[str, ...]:
    """The distinct sentences of all main texts in a language."""
    _, least, most, _ = SCALE[lang]
    lines = (line for page in pages if page.lang == lang for line in page.gold.split("\n"))
    whole = {one.strip() for line in lines if len(line) >= least for one in _SENTENCE.split(line)}
    return tuple(sorted(one for one in whole if least <= len(one) <= most and one[-1] in ".!?。！？"))


def make_text(size: int, rng: random.Random, sentences: Sequence[str], lang: str) -> str:
    """About ``size`` characters of random sentences with other numbers; a short text is the beginning of one."""
    long_from, _, _, joint = SCALE[lang]
    text = ""
    while len(text) < 0.8 * size:
        text += (joint if text else "") + _DIGIT.sub(lambda _: str(rng.randint(1, 9)), rng.choice(sentences))
    if size < long_from:
        text = text[:size] if lang == "zh" else (text[: size + 1].rpartition(" ")[0] or text[:size])
    return text


def edit_pieces(edit: str, pieces: Sequence[str], rng: random.Random, sentences: Sequence[str], lang: str) -> list[str]:
    """A near duplicate of a story: at most a quarter dropped or inserted, or 2 to 5 % of the words changed."""
    edited, total = list(pieces), sum(map(len, pieces))
    long = [i for i, piece in enumerate(pieces) if SCALE[lang][0] <= len(piece) <= total / 4]
    if edit == "paragraph-dropped" and long:
        edited[rng.choice(long)] = ""
    elif edit == "paragraph-inserted" and long:
        edited[rng.choice(long)] += "\n" + make_text(int(total * rng.uniform(0.1, 0.2)), rng, sentences, lang)
    else:
        share = rng.uniform(0.02, 0.05)
        others = _WORD.findall(" ".join(rng.sample(sentences, min(20, len(sentences)))))
        edited = [_WORD.sub(lambda m: rng.choice(others) if rng.random() < share else m[0], one) for one in pieces]
    return edited


@dataclass(frozen=True, slots=True)
class Mix:
    """What a corpus is made of: weights of the kinds of files and of the forms of documents."""

    kinds: Mapping[str, int]
    forms: Mapping[str, int]
    near: float  # share of the records that are edited copies
    page_bytes: tuple[int, int]  # of the frames, as stored


MIXES = {
    "mixed": Mix(
        {"documents": 86, "stored": 4, "copy": 4, "hostile": 4, "skipped": 2},
        {"html": 42, "html.gz": 6, "lines": 22, "dump": 10, "lines.gz": 4, "jsonl": 9, "warc.gz": 7},
        0.12,
        (0, MAX_PAGE),
    ),
    "html": Mix({"documents": 96, "copy": 4}, {"html": 1}, 0.12, (60_000, 160_000)),
    "text": Mix({"documents": 96, "copy": 4}, {"text4k": 1}, 0.12, (0, MAX_PAGE)),
}


@dataclass(frozen=True, slots=True)
class Truth:
    """What should become of one record."""

    path: str
    member: str | None
    outcome: str
    also_ok: tuple[str, ...] = ()
    cluster: str | None = None
    page: str | None = None
    edit: str | None = None
    form: str = ""
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A raw file and what should become of each of its records."""

    path: str
    content: bytes
    truths: tuple[Truth, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A story of a record: whose it is, its frame, and how it was edited."""

    number: int  # of the record's own file
    record: int
    cluster: str  # "i.j": record j of file i, which is the original
    page: str  # whose frame it stands in
    edit: str | None


@dataclass(frozen=True, slots=True)
class Library:
    """The data folder, read once, and the frames in use."""

    data: Path
    seed: int
    mix: Mix
    pages: Mapping[str, Page]
    sentences: Mapping[str, Sequence[str]]  # by language
    frames: Mapping[str, Sequence[str]]  # page names by language
    stored: Sequence[str]  # pages that are used as they are
    stored_share: float  # of the files that would be stored pages, those that are

    def rng(self, *key: object) -> random.Random:
        return random.Random("/".join(map(str, (self.seed, *key))))


def open_library(data: Path, *, files: int, seed: int, mix: Mix) -> Library:
    """Read the pages and choose frames: in random order, those whose main text can be taken out."""
    pages = {page.page: page for page in read_pages(data)}
    order = sorted(pages)
    random.Random(seed).shuffle(order)
    wanted = max(files // FILES_PER_FRAME, 24)
    frames: dict[str, list[str]] = {"zh": [], "en": []}
    for name in order:
        lang = pages[name].lang
        share = CHINESE if lang == "zh" else 1 - CHINESE
        if lang not in frames or len(frames[lang]) >= wanted * share:
            continue
        frame = load_frame(data, pages[name])
        if frame.usable and mix.page_bytes[0] <= frame.n_bytes <= mix.page_bytes[1]:
            frames[lang].append(name)
    if not any(frames.values()):
        raise SystemExit(f"No page of {data} has a main text that can be taken out.")
    stored = [name for name in order if len(pages[name].gold) >= 500]
    share = min(1.0, len(stored) / max(1.0, files * mix.kinds.get("stored", 0) / sum(mix.kinds.values()) * 2))
    sentences = {lang: sentences_of(pages.values(), lang) for lang in frames}
    return Library(data, seed, mix, pages, sentences, {k: v for k, v in frames.items() if v}, stored, share)


def draw(weights: Mapping[str, int], rng: random.Random) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def kind_of(library: Library, number: int) -> str:
    rng = library.rng("kind", number)
    kind = draw(library.mix.kinds, rng)
    return "documents" if kind == "stored" and rng.random() > library.stored_share else kind


def source_of(library: Library, number: int, record: int) -> Source:
    """Whose story a record tells: its own, or an earlier one's."""
    rng = library.rng("source", number, record)
    earlier = earlier_original(library, number, rng) if rng.random() < library.mix.near else None
    if earlier is not None:
        edit = rng.choice(EDITS)
        page = source_of(library, earlier, 0).page
        lang = library.pages[page].lang
        return Source(
            number, record, f"{earlier}.0", rng.choice(library.frames[lang]) if edit == "other-frame" else page, edit
        )
    langs = sorted(library.frames)
    lang = rng.choices(langs, [CHINESE if lang == "zh" else 1 - CHINESE for lang in langs])[0]
    return Source(number, record, f"{number}.{record}", rng.choice(library.frames[lang]), None)


def earlier_original(library: Library, number: int, rng: random.Random) -> int | None:
    """An earlier file whose first record is a story of its own."""
    for _ in range(20 if number else 0):
        other = rng.randrange(number)
        is_near = library.rng("source", other, 0).random() < library.mix.near
        if kind_of(library, other) == "documents" and not is_near:
            return other
    return None


def pieces_of(library: Library, source: Source) -> tuple[Page, list[str]]:
    """The page whose story a record tells, and the story's pieces, edited, one a slot of that page's frame."""
    number, record = map(int, source.cluster.split("."))
    home = library.pages[source_of(library, number, record).page]
    sentences, rng = library.sentences[home.lang], library.rng("story", number, record)
    pieces = [make_text(size, rng, sentences, home.lang) for size in load_frame(library.data, home).sizes]
    if source.edit in (None, "other-frame"):
        return home, pieces
    edit_rng = library.rng("edit", source.number, source.record)
    return home, edit_pieces(source.edit, pieces, edit_rng, sentences, home.lang)


def page_html(library: Library, source: Source) -> str:
    home, pieces = pieces_of(library, source)
    frame = load_frame(library.data, home)
    if source.page == home.page:
        return frame.fill(pieces)
    return load_frame(library.data, library.pages[source.page]).fill_largest(
        frame.paragraphs(pieces, SCALE[home.lang][3])
    )


def page_4k(library: Library, source: Source) -> str:
    """About 4 KB of UTF-8: the first and last lines of the frame, and as much of the story as there is room for."""
    home, pieces = pieces_of(library, source)
    frame, sentences, rng = (
        load_frame(library.data, home),
        library.sentences[home.lang],
        library.rng("4k", source.cluster),
    )
    around = [line[:80] for line in text_lines(frame.fill([""] * len(pieces)))]
    body = frame.paragraphs(pieces, SCALE[home.lang][3])
    room = 4096 - n_bytes((*around[:5], *around[-5:]))
    while n_bytes(body) < room:
        body.append(make_text(200, rng, sentences, home.lang))
    while len(body) > 1 and n_bytes(body) > room:
        body.pop()
    return "\n".join((*around[:5], *body, *around[-5:])) + "\n"


def n_bytes(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


FORMS: Mapping[str, Callable[[Library, Source], str]] = {
    "html": page_html,
    "lines": lambda library, source: "\n".join(text_lines(page_html(library, source))) + "\n",
    "dump": lambda library, source: "\n\n".join(text_lines(page_html(library, source), every_node=True)) + "\n",
    "text4k": page_4k,
}


def encode(library: Library, source: Source, text: str, *, is_html: bool, rng: random.Random) -> tuple[bytes, str]:
    """The bytes of a page or text and their true charset."""
    table = CHARSETS[library.pages[source.page].lang]
    charset, declared = rng.choices(list(table), list(table.values()))[0]
    if not is_html:
        charset = "gb18030" if charset == "gbk" else charset
        content = text.encode(charset, "replace")
    else:
        content = as_page(text, charset, declared=declared)
    return content, "ascii" if content.isascii() else charset


def as_page(text: str, charset: str, *, declared: str) -> bytes:
    """A page in a charset, which says that it is in another or, with "", nothing. What a charset lacks is a reference."""
    text = _CHARSET.sub("", text)
    meta = f'<meta charset="{declared}">' if declared else ""
    opened = _HEAD.search(text)
    at = opened.end() if opened else 0
    return (text[:at] + meta + text[at:]).encode(charset, "xmlcharrefreplace")


def documents(library: Library, number: int) -> File:
    """A file of stories in one of the forms."""
    rng = library.rng("file", number)
    form = draw(library.mix.forms, rng)
    if form in ("jsonl", "warc.gz"):
        return container(library, number, form, rng)
    base, _, packed = form.partition(".")
    source = source_of(library, number, 0)
    content, charset = encode(library, source, FORMS[base](library, source), is_html=base == "html", rng=rng)
    folder = library.pages[source.page].site if rng.random() < 0.8 else "misc"
    path = f"{folder}/{number:07d}.{'html' if base == 'html' else 'txt'}{'.gz' if packed else ''}"
    content = gzip.compress(content, 6, mtime=0) if packed else content
    return File(path, content, (truth_of(path, None, source, form, charset),))


def container(library: Library, number: int, form: str, rng: random.Random) -> File:
    """Several stories in one JSONL or WARC file, a broken line in some of the former."""
    path = f"{'feeds' if form == 'jsonl' else 'crawl'}/{number:07d}.{form}"
    parts, truths = [], []
    for record in range(rng.randint(3, 8)):
        source, charset = source_of(library, number, record), "utf-8"
        url = f"https://{library.pages[source.page].site}/{number}/{record}.html"
        if form == "jsonl":
            base = "html" if rng.random() < 0.3 else "lines"
            line = {"url": url, "html" if base == "html" else "text": FORMS[base](library, source)}
            parts.append(json.dumps(line, ensure_ascii=rng.random() < 0.5).encode() + b"\n")
        else:
            page, charset = encode(library, source, page_html(library, source), is_html=True, rng=rng)
            parts.append(warc_record(url, page, charset if rng.random() < 0.5 else "", rng))
        truths.append(truth_of(path, str(record + 1), source, form, charset))
    if form == "jsonl" and rng.random() < 0.1:
        parts.append(b'{"url": "https://example.org/", "text": "cut in the midd\n')
        truths.append(Truth(path, str(len(parts)), "quarantine", form="broken-line"))
    return File(path, b"".join(parts), tuple(truths))


def truth_of(path: str, member: str | None, source: Source, form: str, charset: str) -> Truth:
    outcome = "duplicate" if source.edit else "document"
    return Truth(path, member, outcome, (), source.cluster, source.page, source.edit, form, charset)


def warc_record(url: str, page: bytes, charset: str, rng: random.Random) -> bytes:
    """A response as a gzip member (WARC 1.1, annex D)."""
    kind = "text/html" + (f"; charset={charset}" if charset not in ("", "ascii") else "")
    http = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(page)}\r\n\r\n".encode() + page
    head = (
        f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{uuid.UUID(int=rng.getrandbits(128))}>\r\n"
        f"WARC-Target-URI: {url}\r\nWARC-Date: 2025-01-01T00:00:00Z\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + http + b"\r\n\r\n", 6, mtime=0)


def stored(library: Library, number: int) -> File:
    """A page as stored. Drawn a second time it is a copy of the first: ``make_corpus`` sees to that."""
    name = library.rng("file", number).choice(library.stored)
    path = f"stored/{number:07d}.html"
    content = gzip.decompress((library.data / name).read_bytes())
    return File(path, content, (Truth(path, None, "document", (), name, name, None, "stored"),))


def copy(library: Library, number: int) -> File:
    """An earlier file of stories under another name; a file of stories when there is none."""
    other = earlier_original(library, number, library.rng("copy", number))
    if other is None:
        return documents(library, number)
    original = documents(library, other)
    path = f"copies/{number:07d}{original.path[original.path.index('.', original.path.rindex('/')) :]}"
    stories = (replace(one, path=path, outcome="duplicate", edit="copy") for one in original.truths if one.cluster)
    broken = (replace(one, path=path) for one in original.truths if not one.cluster)
    return File(path, original.content, (*stories, *broken))


_MENU = "Home,About us,Contact,Sitemap,Log in,English,首页,关于我们,联系我们,网站地图,登录,繁体版"
_NAVIGATION = "<html><body><ul class=nav>" + "".join(f"<li><a href=/>{w}</a></li>" for w in _MENU.split(",")) + "</ul>"
#: Path, what else may become of it, and its bytes.
Odd = tuple[str, tuple[str, ...], Callable[[Library, random.Random], bytes]]
#: What cannot be a document ...
HOSTILE: Mapping[str, Odd] = {
    "empty-text": ("odd/{}.txt", (), lambda library, rng: b""),
    "empty-page": ("odd/{}.html", (), lambda library, rng: b"<html><body>\n</body></html>\n"),
    "blank-text": ("odd/{}.txt", (), lambda library, rng: b" \r\n\t\n" * 50),
    "binary-text": ("odd/{}.txt", (), lambda library, rng: rng.randbytes(4096)),
    "cut-gzip": (
        "odd/{}.txt.gz",
        ("document", "duplicate"),
        lambda library, rng: cut_gzip(library, rng),
    ),
    "navigation-only": ("odd/{}.html", (), lambda library, rng: _NAVIGATION.encode()),
}
#: ... and what is not even tried.
SKIPPED: Mapping[str, Odd] = {
    "image": ("odd/{}.png", (), lambda library, rng: b"\x89PNG\r\n\x1a\n" + rng.randbytes(500)),
    "style-sheet": ("odd/{}.css", (), lambda library, rng: b"body { margin: 0 }\n"),
    "hidden": ("odd/.{}.html", (), lambda library, rng: _NAVIGATION.encode()),
    "unfinished": ("odd/{}.html.part", (), lambda library, rng: _NAVIGATION.encode()[:100]),
}


def cut_gzip(library: Library, rng: random.Random) -> bytes:
    lang = rng.choice(sorted(library.frames))
    whole = gzip.compress(make_text(4000, rng, library.sentences[lang], lang).encode(), mtime=0)
    return whole[: len(whole) * 3 // 4]


def odd(library: Library, number: int) -> File:
    """A file that ends in quarantine or is skipped."""
    rng = library.rng("odd", number)
    outcome = "quarantine" if kind_of(library, number) == "hostile" else "skipped"
    name, (path, also_ok, make) = rng.choice(list((HOSTILE if outcome == "quarantine" else SKIPPED).items()))
    path = path.format(f"{number:07d}")
    return File(path, make(library, rng), (Truth(path, None, outcome, also_ok, form=name),))


KINDS: Mapping[str, Callable[[Library, int], File]] = {
    "documents": documents,
    "stored": stored,
    "copy": copy,
    "hostile": odd,
    "skipped": odd,
}


def truth_file(out: Path) -> Path:
    """Where the truth of a corpus lies: beside its folder, never in it."""
    return out.with_name(out.name + ".truth.jsonl")


def read_truth(file: Path) -> list[Truth]:
    rows = map(json.loads, file.read_text("utf-8").rstrip("\n").split("\n"))
    return [Truth(**{**row, "also_ok": tuple(row["also_ok"])}) for row in rows]


def make_corpus(
    out: Path, *, files: int, seed: int = 0, data: Path = DATA, mix: str = "mixed", quiet: bool = False
) -> Path:
    """Write ``files`` files under ``out``, which must not exist, and return the path of their truth."""
    library = open_library(data, files=files, seed=seed, mix=MIXES[mix])
    out.mkdir(parents=True)
    seen: set[str] = set()  # pages stored so far
    with truth_file(out).open("w", encoding="utf-8") as truth:
        for number in track(range(files), f"{mix} corpus", disable=quiet):
            file = KINDS[kind_of(library, number)](library, number)
            target = out / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
            for row in file.truths:
                again = row.form == "stored" and row.page in seen
                row = replace(row, outcome="duplicate", edit="copy") if again else row
                truth.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
            seen.update(row.page for row in file.truths if row.form == "stored" and row.page)
    return truth_file(out)


def make_few(full: Path, few: Path, paths: Sequence[str] = ()) -> None:
    """These files of a corpus as a corpus of their own; the first two, if none are named."""
    first = sorted(path for path in full.rglob("*") if path.is_file())[:2]
    for file in [full / path for path in paths] or first:
        target = few / file.relative_to(full)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder to make; it must not exist")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mix", choices=sorted(MIXES), default="mixed")
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    if given.out.exists():
        parser.error(f"{given.out} exists")
    print(make_corpus(given.out, files=given.files, seed=given.seed, data=given.data, mix=given.mix))


if __name__ == "__main__":
    main()
