"""Paragraphs wrapped as mail programs, typewriters, pdftotext and lynx wrap them, and what comes back.

``python -m benchmarks.wrapping [--data ../shared/data/extraction] [--texts 300]``. Takes the marked main text of
pages, a paragraph a line, wraps it in each style of ``STYLES`` and prints the share of its paragraphs that are blocks
again, to the letter. Then the number of texts, of one line a paragraph, in which anything is joined: 0 is right.
"""

from __future__ import annotations

import argparse
import json
import random
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.extract.plain import extract_plain
from pipeline.text.tokens import count_cjk

_LONG = 150  # code points of a paragraph worth wrapping
_NO_BEGIN = "，。、；：！？）】》”’…"  # signs that no CJK line begins with


def words(paragraphs: Sequence[str], width: int, *, indent: str = "", first: str = "") -> list[list[str]]:
    wrap = textwrap.TextWrapper(width, initial_indent=indent + first, subsequent_indent=indent, break_long_words=False)
    wrap.break_on_hyphens = False
    return [wrap.wrap(one) for one in paragraphs]


def signs(paragraphs: Sequence[str], n: int, *, first: str = "", strict: bool = True) -> list[list[str]]:
    """Lines of n CJK signs; ``strict``: no line begins with a sign that may not."""
    wrapped = []
    for one in paragraphs:
        rest, lines = first + one, []
        while rest:
            end = min(n, len(rest))
            while strict and end < len(rest) and rest[end] in _NO_BEGIN and end > n - 3:
                end -= 1
            lines.append(rest[:end])
            rest = rest[end:]
        wrapped.append(lines)
    return wrapped


def blank(wrapped: Sequence[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(lines) for lines in wrapped)


def tight(wrapped: Sequence[Sequence[str]]) -> str:
    return "\n".join("\n".join(lines) for lines in wrapped)


def paged(wrapped: Sequence[Sequence[str]], per_page: int = 40) -> str:
    """With a number at the foot of each page and a form feed."""
    lines = "\n\n".join("\n".join(lines) for lines in wrapped).split("\n")
    pages = [lines[at : at + per_page] for at in range(0, len(lines), per_page)]
    return "\f".join("\n".join([*page, "", f"{number:>36}", ""]) for number, page in enumerate(pages, 1))


def quoted(wrapped: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"> {line}".rstrip() for line in blank(wrapped).split("\n"))


STYLES: dict[str, dict[str, Callable[[list[str]], str]]] = {
    "en": {
        "60": lambda p: blank(words(p, 60)),
        "72": lambda p: blank(words(p, 72)),
        "80": lambda p: blank(words(p, 80)),
        "72 tight": lambda p: tight(words(p, 72)),
        "66 indented": lambda p: tight(words(p, 66, first="     ")),
        "lynx": lambda p: blank(words(p, 75, indent="   ")),
        "quoted": lambda p: quoted(words(p, 70)),
        "paged": lambda p: paged(words(p, 78)),
        "crlf": lambda p: blank(words(p, 76)).replace("\n", "\r\n"),
    },
    "zh": {
        "30": lambda p: blank(signs(p, 30)),
        "26": lambda p: blank(signs(p, 26)),
        "40": lambda p: blank(signs(p, 40)),
        "30 cut": lambda p: blank(signs(p, 30, strict=False)),
        "30 tight": lambda p: tight(signs(p, 30)),
        "34 indented": lambda p: tight(signs(p, 34, first="　　")),
        "quoted": lambda p: quoted(signs(p, 32)),
        "paged": lambda p: paged(signs(p, 36)),
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/extraction"))
    parser.add_argument("--texts", type=int, default=300, help="of each language")
    parser.add_argument("--show", metavar="STYLE", help="paragraphs of this style that are lost")
    given = parser.parse_args()
    with (given.data / "gold.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    random.Random(0).shuffle(rows)
    n_joined = 0
    for lang, styles in STYLES.items():
        texts = [text for row in rows if row["lang"][:2] == lang and (text := running(row["gold"], lang))]
        texts = texts[: given.texts]
        for name, style in styles.items():
            shares = [share_back(text, style(text), show=given.show == name) for text in texts]
            whole = sum(share == 1 for share in shares) / len(shares)
            print(
                f"{lang} {name:12} paragraphs back {sum(shares) / len(shares):.3f}  texts without a fault {whole:.3f}"
            )
        n_joined += sum(len(extract_plain("\n".join(text)).blocks) != len(text) for text in texts)
    print(f"texts of one line a paragraph in which something is joined: {n_joined}")


def running(gold: str, lang: str) -> list[str]:
    """The paragraphs of a marked text; none where hardly one is long."""
    found = [" ".join(line.split()) for line in gold.split("\n")]
    found = [line for line in found if len(line) > 1 and (lang != "zh" or count_cjk(line) * 2 > len(line))]
    return found if sum(len(line) >= _LONG for line in found) >= 3 else []


def share_back(paragraphs: Sequence[str], source: str, *, show: bool) -> float:
    blocks = {block.text for block in extract_plain(source).blocks}
    lost = [one for one in paragraphs if one not in blocks]
    if show:
        print("".join(f"    {one[:150]!r}\n" for one in lost), end="")
    return 1 - len(lost) / len(paragraphs)


if __name__ == "__main__":
    main()
