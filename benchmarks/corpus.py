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
import io
import json
import random
import shutil
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.progress import track

from benchmarks.stories import Frame, Page, edit_pieces, load_frame, make_pieces, read_pages, sentences_of

DATA = Path("../shared/data/extraction")
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
    "html": Mix({"documents": 1}, {"html": 1}, 0.0, (60_000, 160_000)),
    "text": Mix({"documents": 1}, {"text4k": 1}, 0.0, (0, MAX_PAGE)),
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
class Source:
    """A story of a record: whose it is, its frame, and how it was edited."""

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

    def frame(self, page: str) -> Frame:
        return load_frame(self.data, self.pages[page])


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
        return Source(f"{earlier}.0", rng.choice(library.frames[lang]) if edit == "other-frame" else page, edit)
    langs = sorted(library.frames)
    lang = rng.choices(langs, [CHINESE if lang == "zh" else 1 - CHINESE for lang in langs])[0]
    return Source(f"{number}.{record}", rng.choice(library.frames[lang]), None)


def earlier_original(library: Library, number: int, rng: random.Random) -> int | None:
    """An earlier file whose first record is a story of its own."""
    for _ in range(20 if number else 0):
        other = rng.randrange(number)
        is_near = library.rng("source", other, 0).random() < library.mix.near
        if kind_of(library, other) == "documents" and not is_near:
            return other
    return None


def pieces_of(library: Library, source: Source) -> tuple[Frame, list[str], bool]:
    """The frame of a record, its story's pieces, and whether they are of that frame, a piece a slot."""
    number, record = map(int, source.cluster.split("."))
    own = source_of(library, number, record)
    home, lang = library.frame(own.page), library.pages[own.page].lang
    pieces = make_pieces(home, library.rng("story", number, record), library.sentences[lang], lang)
    if source.edit == "other-frame":
        return library.frame(source.page), home.paragraphs(pieces), False
    if source.edit:
        rng = library.rng("edit", source.cluster, source.edit)
        pieces = edit_pieces(source.edit, pieces, rng, library.sentences[lang], lang)
    return home, pieces, True


def page_html(library: Library, source: Source) -> str:
    frame, pieces, fits = pieces_of(library, source)
    return frame.fill(pieces) if fits else frame.fill_largest(pieces)


def page_lines(library: Library, source: Source, *, every_node: bool = False) -> str:
    return "\n".join(Frame.lines(page_html(library, source), every_node=every_node)) + "\n"


def page_4k(library: Library, source: Source) -> str:
    """About 4 KB of UTF-8: the first and last lines of the frame, and as much of the story as there is room for."""
    frame, pieces, _ = pieces_of(library, source)
    lang = library.pages[source.page].lang
    rng = library.rng("more", source.cluster)
    lines = [line[:80] for line in Frame.lines(frame.fill([""] * frame.n_slots))]
    body = frame.paragraphs(pieces)
    room = 4096 - sum(len(line.encode()) + 1 for line in (*lines[:5], *lines[-5:]))
    while sum(len(line.encode()) + 1 for line in body) < room:
        body.append(" ".join(rng.sample(library.sentences[lang], min(3, len(library.sentences[lang])))))
    while len(body) > 1 and sum(len(line.encode()) + 1 for line in body) > room:
        body.pop()
    return "\n".join((*lines[:5], *body, *lines[-5:])) + "\n"


TEXTS: Mapping[str, Callable[[Library, Source], str]] = {
    "lines": page_lines,
    "dump": lambda library, source: page_lines(library, source, every_node=True),
    "text4k": page_4k,
}


def encoded(library: Library, source: Source, text: str, *, is_html: bool, rng: random.Random) -> tuple[bytes, str]:
    """The bytes of a page or text and their true charset."""
    table = CHARSETS["zh" if library.pages[source.page].lang == "zh" else "en"]
    charset, declared = rng.choices(list(table), list(table.values()))[0]
    if is_html:
        content = Frame.declare(text, declared).encode(charset, "xmlcharrefreplace")
    else:
        charset = "gb18030" if charset == "gbk" else charset
        content = text.encode(charset, "replace")
    return content, "ascii" if content.isascii() else charset


def write_documents(library: Library, out: Path, number: int) -> Iterator[Truth]:
    """A file of stories in one of the forms."""
    rng = library.rng("file", number)
    form = draw(library.mix.forms, rng)
    if form in ("jsonl", "warc.gz"):
        folder = "feeds" if form == "jsonl" else "crawl"
        yield from write_container(library, out, f"{folder}/{number:07d}.{form}", number, rng)
        return
    base = form.removesuffix(".gz")
    source = source_of(library, number, 0)
    text = page_html(library, source) if base == "html" else TEXTS[base](library, source)
    content, charset = encoded(library, source, text, is_html=base == "html", rng=rng)
    folder = library.pages[source.page].site if rng.random() < 0.8 else "misc"
    suffix = ("html" if base == "html" else "txt") + (".gz" if form.endswith(".gz") else "")
    path = f"{folder}/{number:07d}.{suffix}"
    save(out, path, gzip.compress(content, 6, mtime=0) if form.endswith(".gz") else content)
    yield truth_of(path, None, source, form, charset)


def truth_of(path: str, member: str | None, source: Source, form: str, charset: str) -> Truth:
    outcome = "duplicate" if source.edit else "document"
    return Truth(path, member, outcome, (), source.cluster, source.page, source.edit, form, charset)


def write_container(library: Library, out: Path, path: str, number: int, rng: random.Random) -> Iterator[Truth]:
    """Several stories in one JSONL or WARC file, a broken line in some of the former."""
    is_jsonl = path.endswith(".jsonl")
    sources = [source_of(library, number, record) for record in range(rng.randint(3, 8))]
    parts: list[bytes] = []
    truths = []
    for record, source in enumerate(sources):
        url = f"https://{library.pages[source.page].site}/{number}/{record}.html"
        if is_jsonl:
            as_html = rng.random() < 0.3
            text = page_html(library, source) if as_html else page_lines(library, source)
            line = {"url": url, "title": f"{number}.{record}", "html" if as_html else "text": text}
            parts.append(json.dumps(line, ensure_ascii=rng.random() < 0.5).encode() + b"\n")
            charset = "utf-8"
        else:
            page, charset = encoded(library, source, page_html(library, source), is_html=True, rng=rng)
            parts.append(warc_record(url, page, charset if rng.random() < 0.5 else "", rng))
        truths.append(truth_of(path, str(record + 1), source, "jsonl" if is_jsonl else "warc.gz", charset))
    if is_jsonl and rng.random() < 0.1:
        parts.append(b'{"url": "https://example.org/", "text": "cut in the midd\n')
        truths.append(Truth(path, str(len(parts)), "quarantine", form="broken-line"))
    save(out, path, b"".join(parts))
    yield from truths


def warc_record(url: str, page: bytes, charset: str, rng: random.Random) -> bytes:
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    buffer = io.BytesIO()
    kind = "text/html" + (f"; charset={charset}" if charset not in ("", "ascii") else "")
    http = StatusAndHeaders("200 OK", [("Content-Type", kind), ("Content-Length", str(len(page)))], protocol="HTTP/1.1")
    fixed = {
        "WARC-Record-ID": f"<urn:uuid:{uuid.UUID(int=rng.getrandbits(128))}>",
        "WARC-Date": "2025-01-01T00:00:00Z",
    }
    writer = WARCWriter(buffer, gzip=True)
    writer.write_record(writer.create_warc_record(url, "response", io.BytesIO(page), warc_headers_dict=fixed, http_headers=http))
    return buffer.getvalue()
