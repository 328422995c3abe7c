"""The loss proof of the readers: valid files of every format, whole and damaged: `python -m proofs.fuzz_readers`.

    python -m proofs.fuzz_readers --minutes 10 [--seed N] [--only FORMAT] [--case SEED]

A file holds a few documents, each with a sentence that is found nowhere else. Whole: each is in one record, once, there
are as many records as documents, and none is flagged but for the file's name. Damaged, by bytes changed, cut out and
put in: reading raises nothing, ends in time, gives members that are all different, no sentence twice, and no sentence
that still stands in the file is in no record unless something is rejected, skipped or flagged, or the charset said to
be a guess. Prints cases and findings a format; exit code 1 if there are any.
A new format is a function of documents and a random source, and a line in ``FORMATS``.
"""

from __future__ import annotations

import argparse
import base64
import bz2
import csv
import gzip
import io
import json
import lzma
import quopri
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import zstandard

from pipeline.errors import Rejection, Skipped
from pipeline.read import read_file
from pipeline.text.decode import decode
from pipeline.text.safety import printable
from pipeline.types import Record

_CPU_SECONDS: Final = 2.0
_MAX_SHOWN: Final = 3
_CLEAR_GUESS: Final = 0.9  # of a charset (``decode``)


@dataclass(frozen=True, slots=True)
class Document:
    """What a file is made of."""

    title: str
    text: str
    core: str  # of the text, without white space: found nowhere else


@dataclass(frozen=True, slots=True)
class File:
    """A whole file."""

    name: str
    raw: bytes
    plain: str | None  # the codec in which sentences stand in it as they are; None: they do not
    may_double: bool = False  # a changed byte can make a whole value of it into another one, and nothing tells
    n_records: int | None = None  # None: as many as documents


Format = Callable[[Sequence[Document], random.Random], File]

#: What sentences are made of, a piece of each: many, so that two documents are as different as they are in the world.
_ENGLISH = (
    ("The keeper", "Nobody", "The old ferryman", 'She said "it will rain" and', "A clerk", "The miller", "His sister"),
    (" wrote down", " forgot", " asked about", " had to count", " could not find", " sold", " painted", " measured"),
    (" the water", " every lamp", " the second boat", " three sacks", " the tall gate", " an oar", " the ledger"),
    (" before breakfast,", " at the weir,", " in the rain,", " until noon,", " by himself,", " on Sunday,", " twice,"),
    (" and then went home.", " of course.", " for a tenth; others laughed.", " within a week.", " and so it was."),
)
_SIMPLIFIED = (
    ("守堰人", "摆渡的老人", "她说“要下雨了”，", "磨坊主", "邻村的书记", "卖灯的", "没有人"),
    ("每天早饭以前", "星期天", "等到中午才", "在旧桥边", "一个人", "冒着雨", "过了一周"),
    ("把水位", "把账簿", "把三袋米", "把窗户", "把第二条船", "把所有的灯"),
    ("记下来，", "数了两遍，", "卖给别人，", "量了一回，", "忘在岸上，", "漆成红色，"),
    ("别人都笑了。", "然后回家去了。", "谁也没有问。", "河水照样涨。", "一直到天黑。"),
)
_TRADITIONAL = (
    ("守堰人", "擺渡的老人", "她說「要下雨了」，", "磨坊主", "鄰村的書記", "賣燈的", "沒有人"),
    ("每天早飯以前", "星期天", "等到中午才", "在舊橋邊", "一個人", "冒著雨", "過了一週"),
    ("把水位", "把帳簿", "把三袋米", "把窗戶", "把第二條船", "把所有的燈"),
    ("記下來，", "數了兩遍，", "賣給別人，", "量了一回，", "忘在岸上，", "漆成紅色，"),
    ("別人都笑了。", "然後回家去了。", "誰也沒有問。", "河水照樣漲。", "一直到天黑。"),
)
_Pieces = Sequence[Sequence[str]]


def documents(rng: random.Random, *, only: _Pieces | None = None) -> list[Document]:
    """A few documents of one script or of several."""
    made = []
    for number in rng.sample(range(1000, 10_000), rng.randint(1, 6)):
        pool = only or rng.choice((_ENGLISH, _SIMPLIFIED, _TRADITIONAL))
        mark = f"number {number} of the register" if pool is _ENGLISH else f"名册第{number}号为证"
        sentences = ["".join(map(rng.choice, pool)) for _ in range(rng.randint(4, 8))]
        sentences.insert(rng.randrange(len(sentences)), f"{mark}{'.' if pool is _ENGLISH else '。'}")
        made.append(Document(f"T{number}", rng.choice(("\n", " ")).join(sentences), _squeezed(mark)))
    return made


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _coded(text: str, rng: random.Random) -> tuple[bytes, str]:
    """A text in a charset that has all of it."""
    for encoding in rng.sample(("gb18030", "big5", "utf-16", "utf-8-sig"), 4):
        try:
            return text.encode(encoding), encoding
        except UnicodeEncodeError:
            continue
    return text.encode(), "utf-8"


def _charset(text: str, rng: random.Random) -> tuple[bytes, str]:
    return _coded(text, rng) if rng.random() < 0.4 else (text.encode(), "utf-8")


def _object(one: Document, rng: random.Random) -> object:
    """A JSON object of one of the shapes that people have."""
    name = rng.choice(("text", "content", "正文", "maintext", "page_content", "body"))
    plain = {"title": one.title, name: one.text}
    shapes: tuple[object, ...] = (
        plain,
        plain,
        {"_index": "n", "_id": "1", "_source": plain},
        {"id": 7, "title": {"rendered": one.title}, "content": {"rendered": one.text}},
        {"title": [one.title], "content": one.text.split("\n")},
        {"page_content": one.text, "metadata": {"title": one.title, "source": "https://example.org/a"}},
    )
    return rng.choice(shapes)


def _json_lines(made: Sequence[Document], rng: random.Random) -> File:
    text = "".join(json.dumps(_object(one, rng), ensure_ascii=False) + "\n" for one in made)
    raw, encoding = _charset(text, rng)
    return File(
        rng.choice(("a.jsonl", "a.jl", "a.ndjson", "a.json", "a.txt")) if len(made) > 1 else "a.jsonl", raw, encoding
    )


def _json_file(made: Sequence[Document], rng: random.Random) -> File:
    values: object = [_object(one, rng) for one in made]
    for _ in range(rng.randint(0, 2)):
        values = {"code": 0, "message": "ok", rng.choice(("data", "list", "items", "results")): values}
    text = json.dumps(values, ensure_ascii=False, indent=rng.choice((None, 2)))
    raw, encoding = _charset(text, rng)
    return File("a.json", raw, encoding)


def _table(made: Sequence[Document], rng: random.Random) -> File:
    out = io.StringIO()
    delimiter = rng.choice((",", ";", "\t"))
    writer = csv.writer(out, delimiter=delimiter, lineterminator=rng.choice(("\n", "\r\n")))
    writer.writerow(("id", "title", rng.choice(("text", "正文", "html", "story"))))
    writer.writerows((str(number), one.title, one.text) for number, one in enumerate(made))
    raw, encoding = _charset(out.getvalue(), rng)
    return File("a.tsv" if delimiter == "\t" else "a.csv", raw, encoding)


def _arrow(made: Sequence[Document], rng: random.Random) -> File:
    table = pa.table({"title": [one.title for one in made], "text": [one.text for one in made]})
    out = io.BytesIO()
    if rng.random() < 0.5:
        has_sums = rng.random() < 0.5
        pq.write_table(table, out, write_page_checksum=has_sums)
        return File("a.parquet", out.getvalue(), None, may_double=not has_sums)
    feather.write_feather(table, out)
    return File("a.feather", out.getvalue(), None, may_double=True)


def _feed(made: Sequence[Document], rng: random.Random) -> File:
    def body(text: str) -> str:
        html = "".join(f"<p>{escape(line)}</p>" for line in text.split("\n"))
        return rng.choice((f"<![CDATA[{html}]]>", escape(html), escape(escape(text))))

    if rng.random() < 0.5:
        items = "".join(
            f"<item><title>{one.title}</title><link>http://e.org/{one.title}</link>"
            f"<{name}>{body(one.text)}</{name}></item>\n"
            for one in made
            for name in [rng.choice(("description", "content:encoded"))]
        )
        text = f"<rss version='2.0'><channel><title>F</title>{items}</channel></rss>"
    else:
        entries = "".join(
            f"<entry><title>{one.title}</title><link href='http://e.org/{one.title}'/>"
            f"<content type='html'>{body(one.text)}</content></entry>\n"
            for one in made
        )
        text = f"<feed xmlns='http://www.w3.org/2005/Atom'><title>F</title>{entries}</feed>"
    raw, encoding = _charset(text, rng)
    return File(rng.choice(("a.xml", "a", "a.rss", "a.txt")), raw, encoding)


def _message(one: Document, rng: random.Random) -> tuple[bytes, bool]:
    """A message, and whether its text stands in it as it is."""
    coding = rng.choice(("8bit", "base64", "quoted-printable"))
    kind = rng.choice(("plain", "html"))
    text = one.text if kind == "plain" else "".join(f"<p>{escape(line)}</p>\n" for line in one.text.split("\n"))
    raw = text.encode()
    raw = base64.encodebytes(raw) if coding == "base64" else quopri.encodestring(raw) if coding[0] == "q" else raw
    head = f"Content-Type: text/{kind}; charset=utf-8\nContent-Transfer-Encoding: {coding}\n"
    top = f"From: A <a@example.org>\nTo: b@example.org\nSubject: {one.title}\nDate: Tue, 5 Mar 2024 08:30:00 +0800\n"
    if rng.random() < 0.5:
        return f"{top}MIME-Version: 1.0\n{head}\n".encode() + raw + b"\n", coding == "8bit"
    picture = b"--bb\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--bb--\n"
    parts = f"--bb\n{head}\n".encode() + raw + b"\n" + picture
    kind = rng.choice(("mixed", "related", "alternative"))
    return f"{top}MIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary=bb\n\n".encode() + parts, coding == "8bit"


def _mail(made: Sequence[Document], rng: random.Random) -> File:
    if rng.random() < 0.4:
        raw, plain = _message(made[0], rng)
        return File(rng.choice(("a.eml", "a.mht", "a", "a.txt")), raw, "utf-8" if plain else None, n_records=1)
    messages = [_message(one, rng) for one in made]
    raw = b"\n".join(b"From a@example.org Tue Mar  5 08:30:00 2024\n" + message for message, _ in messages)
    return File(rng.choice(("a.mbox", "a")), raw, "utf-8" if all(plain for _, plain in messages) else None)


FORMATS: Final[Mapping[str, Format]] = {
    "json lines": _json_lines,
    "json": _json_file,
    "csv": _table,
    "arrow": _arrow,
    "feed": _feed,
    "mail": _mail,
}
_PACKINGS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}
#: What is put into a file: pieces that mean something in one of the formats.
_JUNK: Final = (
    b'"', b"'", b"<", b">", b"&", b"\n", b"\r", b"\\", b"{", b"}", b"[", b"]", b",", b";", b"\t", b"--bb",
    b"--bb--", b"\n\n", b"]]>", b"<!--", b"-->", b"<item>", b"</item>", b"<entry", b"=?", b"=\n", b"\nFrom a",
    b"Content-Type: multipart/mixed; boundary=bb\n\n", b"&#0;", b"&x;",
    b"<![CDATA[", b"\0", b"\xff", b"\xe5", b"\x81\x30", b'""', b'\\"', b"<!DOCTYPE x [",
)  # fmt: skip

#: Of them those that may be repeated by the thousand: what comes before bytes of no charset, and sections left open.
_REPEATED: Final = _JUNK.index(b"<![CDATA[")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--case", type=int)
    options = parser.parse_args()
    if options.case is not None:
        made, file, is_whole = case(options.case, options.only)
        print(file.name, file.plain, is_whole, file.raw[:4000], *check(made, file, is_whole=is_whole), sep="\n")
        return
    cases: Counter[str] = Counter()
    found: Counter[tuple[str, str]] = Counter()
    end, seed = time.monotonic() + 60 * options.minutes, options.seed
    while time.monotonic() < end:
        made, file, is_whole = case(seed, options.only)
        kind = f"{_format_of(seed, options.only)}{'' if is_whole else ', damaged'}"
        cases[kind] += 1
        for what, detail in check(made, file, is_whole=is_whole):
            found[kind, what] += 1
            if found[kind, what] <= _MAX_SHOWN:
                print(f"--- {kind}: {what}, seed {seed}, {file.name}: {detail}", flush=True)
        seed += 1
    for kind, count in sorted(cases.items()):
        mine = {what: n for (name, what), n in found.items() if name == kind}
        print(f"{kind:22} {count:8,}  {', '.join(f'{what}: {n}' for what, n in mine.items()) or 'no finding'}")
    sys.exit(1 if found else 0)


def _format_of(seed: int, only: str) -> str:
    names = [name for name in FORMATS if only in name]
    return names[seed % len(names)]


def case(seed: int, only: str = "") -> tuple[list[Document], File, bool]:
    """The documents and the file of a seed, and whether it is whole."""
    rng = random.Random(seed)
    made = documents(rng, only=rng.choice((None, None, _SIMPLIFIED, _TRADITIONAL)))
    file = FORMATS[_format_of(seed, only)](made, rng)
    if file.n_records == 1:
        made = made[:1]
    is_whole = rng.random() < 0.3
    if not is_whole:
        file = replace(file, raw=damaged(file.raw, rng))
    if rng.random() < 0.2:
        suffix = rng.choice(tuple(_PACKINGS))
        packed = _PACKINGS[suffix](file.raw)
        file = replace(file, name=file.name + suffix, raw=packed, plain=None if not is_whole else file.plain)
    return made, file, is_whole


def damaged(raw: bytes, rng: random.Random) -> bytes:
    """Bytes changed, cut out, put in; repeated junk now and then, for what is not linear."""
    data = bytearray(raw)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                del data[at : at + int(10 ** rng.uniform(0, 2.5))]
            case 2 if rng.random() < 0.1:
                data[at:at] = rng.choice(_JUNK[:_REPEATED]) * int(10 ** rng.uniform(1, 4.3))
            case _:
                data[at:at] = rng.choice(_JUNK)
    return bytes(data) or b"x"


def check(made: Sequence[Document], file: File, *, is_whole: bool) -> Iterator[tuple[str, str]]:
    """Yield each promise that is broken, and the particulars."""
    begin = time.process_time()
    try:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            (Path(folder) / file.name).write_bytes(file.raw)
            outcomes = list(read_file(Path(folder), file.name))
    except Exception as error:  # noqa: BLE001 - any exception at all is what is looked for
        last = traceback.extract_tb(error.__traceback__)[-1]
        yield "raises", f"{type(error).__name__}: {error} in {last.name}, {Path(last.filename).name}:{last.lineno}"
        return
    if time.process_time() - begin > _CPU_SECONDS:
        yield "slow", f"{time.process_time() - begin:.1f} s for {len(file.raw):,} bytes"
    members = [one.member for one in outcomes]
    if not outcomes or len(set(members)) < len(members):
        yield "members", f"{members[:20]}"
    said = [one for one in outcomes if isinstance(one, (Rejection, Skipped))]
    words = [one.message if isinstance(one, Rejection) else one.reason for one in said]
    if any(printable(one, limit=1_000) != one for one in words):
        yield "unprintable", f"{words[:3]}"
    records = [one for one in outcomes if isinstance(one, Record)]
    held = [_squeezed(_text_of(one)) for one in records]
    for one in made:
        n_found = sum(text.count(one.core) for text in held)
        if n_found > 1 and (is_whole or not file.may_double):
            yield "doubled", one.core
        stands = is_whole or (file.plain and _squeezed(one.core) in _squeezed(file.raw.decode(file.plain, "replace")))
        told = not is_whole and (said or any(record.flags or _is_doubted(record, file) for record in records))
        if stands and not n_found and not told:
            yield "lost", one.core
    flags = {flag for record in records for flag in record.flags} - {"suffix_mismatch"}
    if is_whole and flags:
        yield "flagged", f"{flags}"
    if is_whole and len(records) != len(made):
        yield "count", f"{len(records)} records of {len(made)} documents; {said[:2]}"


def _is_doubted(record: Record, file: File) -> bool:
    """Whether a record says that the charset it was read in, which is not its file's, is a guess: of a few hundred
    bytes that name none and were changed, no reader can be sure. ``encoding_confidence`` in the dataset has it.
    """
    encoding, confidence = record.taken_from or ("", 1.0)
    return encoding != file.plain and confidence < _CLEAR_GUESS


def _text_of(record: Record) -> str:
    return decode(record.content, http_charset=record.charset, media_type=record.media_type).text


if __name__ == "__main__":
    main()
