"""Other extractors, each from decoded HTML to plain text, with its CPU time and its answers kept between runs.

Every peer gets the text that our decoder made, so that only extraction is compared. What is no text yet
(readability-lxml and magic-html answer in HTML) is made text by resiliparse's converter, a millisecond a page. To add
a peer, write a function that makes a ``Peer`` and name it in ``PEERS``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MAGIC_SERVER = Path(__file__).with_name("extraction_magic.py")
PROGRESS_EVERY = 100  # pages


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool with its options; ``run`` takes HTML and language and gives text and the CPU seconds it took."""

    name: str
    version: str
    options: Mapping[str, Any]
    run: Callable[[str, str], tuple[str, float]]

    @property
    def key(self) -> str:
        """File name of its kept answers: another version or other options have another."""
        return f"{self.name}-{self.version}-{zlib.crc32(repr(sorted(self.options.items())).encode()):08x}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool made of a page; ``text`` is empty where it found nothing or raised."""

    text: str
    seconds: float  # of CPU


def timed(extract: Callable[[str, str], str | None]) -> Callable[[str, str], tuple[str, float]]:
    """An extractor that says how much CPU time it took, and nothing but "" where it raises."""

    def run(html: str, lang: str) -> tuple[str, float]:
        start = time.process_time()
        try:
            text = extract(html, lang) or ""
        except Exception as error:  # noqa: BLE001 - a peer may raise anything; the page counts as empty
            print(f"\n{type(error).__name__}: {str(error)[:100]}", file=sys.stderr)
            text = ""
        return text, time.process_time() - start

    return run


def to_text(html: str) -> str:
    """The text of a piece of HTML, blocks on lines of their own."""
    from resiliparse.extract.html2text import extract_plain_text

    return extract_plain_text(html, preserve_formatting=True, list_bullets=False, alt_texts=False) if html else ""


def trafilatura(name: str, **options: Any) -> Peer:
    """Trafilatura with its defaults but for these options."""
    from trafilatura import extract

    return Peer(name, version("trafilatura"), options, timed(lambda html, lang: extract(html, **options)))


def resiliparse() -> Peer:
    """Resiliparse's main content; texts of images are left out, as the other tools leave them out."""
    from resiliparse.extract.html2text import extract_plain_text

    options = {"main_content": True, "alt_texts": False}
    run = timed(lambda html, lang: extract_plain_text(html, **options))
    return Peer("resiliparse", version("resiliparse"), options, run)


def readability() -> Peer:
    """readability-lxml with its defaults."""
    from readability import Document

    run = timed(lambda html, lang: to_text(Document(html).summary(html_partial=True)))
    return Peer("readability", version("readability-lxml"), {}, run)


#: Lengths are in characters, of which Chinese needs about a third; without a list of stop words their share is nothing.
_JUSTEXT_ANY: dict[str, Any] = {"stopwords_low": 0.0, "stopwords_high": 0.0}
_JUSTEXT_DENSE: dict[str, Any] = {**_JUSTEXT_ANY, "length_low": 20, "length_high": 60, "max_heading_distance": 70}
_JUSTEXT: dict[str, dict[str, Any]] = {"en": {}, "zh": _JUSTEXT_DENSE, "ja": _JUSTEXT_DENSE}


def justext() -> Peer:
    """JusText told the language: English words for English, lengths that fit for Chinese and Japanese."""
    from justext import get_stoplist
    from justext import justext as classify

    stoplists = {"en": get_stoplist("English")}

    def extract(html: str, lang: str) -> str:
        options = _JUSTEXT.get(lang, _JUSTEXT_ANY)
        paragraphs = classify(html, stoplists.get(lang, frozenset()), **options)
        return "\n".join(paragraph.text for paragraph in paragraphs if not paragraph.is_boilerplate)

    return Peer("justext", version("justext"), {"any": _JUSTEXT_ANY, **_JUSTEXT}, timed(extract))


#: The peers in the order of the tables, magic-html apart.
PEERS: tuple[Callable[[], Peer], ...] = (
    partial(trafilatura, "trafilatura"),
    partial(trafilatura, "trafilatura-recall", favor_recall=True),
    partial(trafilatura, "trafilatura-nocomments", include_comments=False),
    readability,
    resiliparse,
    justext,
)


@contextmanager
def magic_html(python: str) -> Iterator[Peer]:
    """magic-html in a process of the given Python. It ends with the block."""
    command = [python, str(MAGIC_SERVER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        questions, answers = process.stdin, process.stdout
        assert questions is not None and answers is not None

        def run(html: str, lang: str) -> tuple[str, float]:
            print(json.dumps(html), file=questions, flush=True)
            found, seconds = json.loads(answers.readline())
            start = time.process_time()
            return to_text(found), seconds + time.process_time() - start

        with closing(questions):
            yield Peer("magic-html", json.loads(answers.readline()), {}, run)


def magic_python(given: str | None) -> str | None:
    """The Python to run magic-html with: the one given, else this one if it has it."""
    return given or (sys.executable if find_spec("magic_html") else None)


def read_answers(path: Path) -> dict[tuple[str, int], Answer]:
    """The answers kept in a file, by page and checksum of its text; a line torn by a kill is none."""
    kept = {}
    for line in path.read_text("utf-8").split("\n") if path.exists() else []:
        with suppress(ValueError):
            name, crc, text, seconds = json.loads(line)
            kept[name, crc] = Answer(text, seconds)
    return kept


def answers(peer: Peer, pages: Sequence[tuple[str, str, str]], cache: Path | None) -> list[Answer]:
    """What a peer makes of each page (name, decoded HTML, language), asked only where no answer is kept."""
    path = cache / f"{peer.key}.jsonl" if cache else None
    kept = read_answers(path) if path else {}
    if cache:
        cache.mkdir(parents=True, exist_ok=True)
    found: list[Answer] = []
    warm = False
    for number, (name, html, lang) in enumerate(pages):
        key = (name, zlib.crc32(html.encode("utf-8", "replace")))
        if key not in kept:
            if not warm:
                peer.run(html, lang)  # what a tool loads at its first call is no part of a page's time
                warm = True
            kept[key] = Answer(*peer.run(html, lang))
            if path:
                with path.open("a", encoding="utf-8") as file:
                    file.write("\n" + json.dumps([*key, kept[key].text, kept[key].seconds]))
        found.append(kept[key])
        if number % PROGRESS_EVERY == 0:
            print(f"\r{peer.name}: {number} of {len(pages)} pages ", end="", file=sys.stderr, flush=True)
    print(f"\r{peer.name}: {len(pages)} pages{' ' * 20}", file=sys.stderr)
    return found
