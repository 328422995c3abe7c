"""Language identification measured: ``python -m benchmarks.language [--data FOLDER] [--seed N]``.

The folder holds tatoeba.jsonl (short sentences), udhr.jsonl (paragraphs), chinese.jsonl and
not-language.jsonl, rows of ``lang`` and ``text``. Longer texts are glued from pieces of one language.
MAJOR20 are the twenty languages of the published comparison; their figures count ``und`` as an error.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import langdetect

from pipeline.language import Backend, document_language, identify, tag_blocks
from pipeline.types import Block, BlockKind, Decision, Label

_ROW = "en zh ja ko es fr de pt it ru ar hi id pl tr th nl vi uk sv"
MAJOR20 = tuple(_ROW.split())
#: Keys of udhr.jsonl in a script the language is seldom written in.
OTHER_SCRIPTS = frozenset({"vie_han"})
BACKENDS: tuple[Backend, ...] = get_args(Backend)
Item = tuple[str, str]  # language, text
Guess = Callable[[str], str]


def read_rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def primary(tag: str) -> str:
    return tag.partition("-")[0]


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Mean F1 over the languages of the gold side; a guess of any other language or ``und`` is a miss."""
    gold, guessed = Counter(g for g, _ in pairs), Counter(p for _, p in pairs)
    right = Counter(g for g, p in pairs if g == p)
    return sum(2 * right[lang] / (gold[lang] + guessed[lang]) for lang in gold) / len(gold)


def glue(pieces: dict[str, list[str]], size: int, count: int, rng: random.Random) -> list[Item]:
    """``count`` texts of about ``size`` characters a language, each glued from pieces of one language."""
    items = []
    for lang, texts in pieces.items():
        separator = "" if lang in ("zh", "ja") else " "
        for _ in range(count):
            parts: list[str] = []
            while sum(map(len, parts)) < size:
                parts.append(rng.choice(texts))
            items.append((lang, separator.join(parts)[:size]))
    return items


def length_classes(folder: Path, rng: random.Random) -> dict[str, list[Item]]:
    rows = [(row["lang"], row["text"]) for row in read_rows(folder / "tatoeba.jsonl") if row["lang"] in MAJOR20]
    pieces: dict[str, list[str]] = defaultdict(list)
    for lang, text in rows:
        pieces[lang].append(text)
    for row in read_rows(folder / "udhr.jsonl"):
        if row["lang"] in MAJOR20 and row.get("key") not in OTHER_SCRIPTS:
            pieces[row["lang"]].append(row["text"])
    return {
        "<=30 chars": [(lang, text) for lang, text in rows if len(text) <= 30],
        "sentence": [(lang, text) for lang, text in rows if len(text) > 30],
        "500 chars": glue(pieces, 500, 10, rng),
        "3000 chars": glue(pieces, 3000, 5, rng),
    }


def guessers(seed: int) -> dict[str, Guess]:
    def plain_langdetect(text: str) -> str:
        langdetect.DetectorFactory.seed = seed
        try:
            return str(langdetect.detect(text))
        except langdetect.LangDetectException:
            return "und"

    table: dict[str, Guess] = {"langdetect alone": plain_langdetect}
    for backend in BACKENDS:
        table[backend] = lambda text, backend=backend: identify(text, backend=backend, seed=seed).lang  # type: ignore[misc]
    return table


def print_accuracy(classes: dict[str, list[Item]], table: dict[str, Guess]) -> None:
    print("MAJOR20, accuracy % / macro-F1 % (und counts as an error)")
    for name, guess in table.items():
        cells = []
        for label, items in classes.items():
            pairs = [(lang, primary(guess(text))) for lang, text in items]
            accuracy = sum(gold == found for gold, found in pairs) / len(pairs)
            cells.append(f"{label} {100 * accuracy:5.1f} / {100 * macro_f1(pairs):5.1f}")
        print(f"  {name:18}", "   ".join(cells))
    print("  items             ", "   ".join(f"{label} {len(items)}" for label, items in classes.items()))


def print_chinese(folder: Path, table: dict[str, Guess]) -> None:
    rows = read_rows(folder / "chinese.jsonl")
    groups: dict[str, list[Item]] = defaultdict(list)
    for row in rows:
        groups[f"{row['lang']} {row['kind']}"].append((row["lang"], row["text"]))
        if row["kind"] == "help page line" and len(row["text"]) <= 12:
            groups[f"{row['lang']} line <= 12 chars"].append((row["lang"], row["text"]))
    folded = {"zh-cn": "zh-Hans", "zh-tw": "zh-Hant"}
    print("Chinese, % right / plain zh / wrong kind (Hans for Hant or the reverse) / another language or und")
    for name, guess in table.items():
        for group, items in groups.items():
            found = [(lang, folded.get(tag := guess(text), tag)) for lang, text in items]
            right = sum(gold == tag for gold, tag in found)
            plain = sum(tag == "zh" for _, tag in found)
            wrong = sum(tag.startswith("zh-") and gold != tag for gold, tag in found)
            figures = (right, plain, wrong, len(found) - right - plain - wrong)
            print(f"  {name:18} {group:24}", " / ".join(f"{100 * n / len(found):5.2f}" for n in figures), len(found))


def print_not_language(folder: Path, table: dict[str, Guess]) -> None:
    groups: dict[str, list[str]] = defaultdict(list)
    for row in read_rows(folder / "not-language.jsonl"):
        groups[row["kind"]].append(row["text"])
    print("What is no language, % und")
    for name, guess in table.items():
        cells = [
            f"{kind} {100 * sum(guess(t) == 'und' for t in texts) / len(texts):5.1f}" for kind, texts in groups.items()
        ]
        print(f"  {name:18}", "   ".join(cells))


def mixed_page(body: Sequence[str], chaff: Sequence[str]) -> tuple[list[Block], list[Decision]]:
    """A page whose chaff stands half above and half below its body."""
    half = len(chaff) // 2
    rows = [(text, Label.NAVIGATION) for text in chaff[:half]]
    rows += [(text, Label.CONTENT) for text in body] + [(text, Label.FOOTER) for text in chaff[half:]]
    blocks = [Block(i, text, BlockKind.PARAGRAPH, 0, len(text)) for i, (text, _) in enumerate(rows)]
    return blocks, [Decision(label, "benchmark", 0.5) for _, label in rows]


SCENARIOS = ("one language", "foreign chaff", "alternating", "foreign lines in body")


def mixed_rows(scenario: str, pieces: dict[str, list[str]], rng: random.Random) -> tuple[list[Item], list[Item]]:
    """Body and chaff lines, with their language. Chaff and foreign lines are the shortest quarter."""
    first, second = rng.sample(sorted(pieces), 2)
    short = {lang: sorted(pieces[lang], key=len)[: len(pieces[lang]) // 4] for lang in (first, second)}
    body = [(first, rng.choice(pieces[first])) for _ in range(12)]
    if scenario == "alternating":
        body = [(lang, rng.choice(pieces[lang])) for lang in (first, second) * 6]
    if scenario == "foreign lines in body":
        body[3] = body[4] = (second, rng.choice(pieces[second]))
    lang = first if scenario == "one language" else second
    return body, [(lang, rng.choice(short[lang])) for _ in range(8)]


def print_mixed(classes: dict[str, list[Item]], rng: random.Random, seed: int) -> None:
    pieces: dict[str, list[str]] = defaultdict(list)
    for lang, text in classes["<=30 chars"] + classes["sentence"]:
        pieces[lang].append(text)
    pages = {name: [mixed_rows(name, pieces, rng) for _ in range(100)] for name in SCENARIOS}
    print("Mixed pages of 12 body and 8 chaff lines, % of lines wrong: alone -> with their neighbours; document wrong")
    for backend in BACKENDS:
        for name in SCENARIOS:
            alone = together = lines = documents = 0
            for body, chaff in pages[name]:
                blocks, decisions = mixed_page([text for _, text in body], [text for _, text in chaff])
                half = len(chaff) // 2
                gold = [lang for lang, _ in [*chaff[:half], *body, *chaff[half:]]]
                guesses = tag_blocks(blocks, decisions, backend=backend, seed=seed)
                single = [identify(block.text, backend=backend, seed=seed) for block in blocks]
                together += sum(primary(guess.lang) != lang for guess, lang in zip(guesses, gold, strict=True))
                alone += sum(primary(guess.lang) != lang for guess, lang in zip(single, gold, strict=True))
                lines += len(gold)
                main = primary(document_language(blocks, decisions, guesses).lang)
                documents += main not in {lang for lang, _ in body[:2]}
            print(
                f"  {backend:18} {name:24} {100 * alone / lines:5.2f} -> {100 * together / lines:5.2f};  {documents} %"
            )


def seconds(run: Callable[[], object], *, repeats: int = 3) -> float:
    """Least processor time of several runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def print_speed(classes: dict[str, list[Item]], table: dict[str, Guess], seed: int) -> None:
    print("Texts per second of processor time (times langdetect alone)")
    for label in ("<=30 chars", "3000 chars"):
        base = 0.0
        for name, guess in table.items():
            texts = [text for _, text in classes[label]]
            # A mark of its own on each text and repeat keeps the memory for recurring lines out of the measure.
            rates = []
            for turn in range(3):
                marked = [f"{text} {turn}{number:05}" for number, text in enumerate(texts)]
                rates.append(len(marked) / seconds(lambda m=marked, g=guess: [g(text) for text in m], repeats=1))  # type: ignore[misc]
            rate = max(rates)
            base = base or rate
            print(f"  {name:18} {label:12} {rate:10.0f}  {rate / base:6.1f}x")
    print_page_time(classes, seed)


def print_page_time(classes: dict[str, list[Item]], seed: int) -> None:
    """Pages of 110 short chaff lines, the same on every page as on a site, and 40 sentences of their own."""
    chaff = [text for _, text in classes["<=30 chars"]][:110]
    for group in (("en", "de"), ("zh",)):
        sentences = [text for lang, text in classes["sentence"] if lang in group]
        for known in (False, True):
            times = []
            for turn in range(5):
                body = [f"{sentences[i % len(sentences)]} {turn}{known}{i}" for i in range(40)]
                lines = chaff if known else [f"{text} {turn}{group[0]}" for text in chaff]
                blocks, decisions = mixed_page(body, lines)
                times.append(seconds(lambda b=blocks, d=decisions: tag_blocks(b, d, seed=seed), repeats=1))  # type: ignore[misc]
            state = "seen before" if known else "new"
            print(f"  lid176: page of 150 blocks, body {'/'.join(group)}, chaff {state:12} {1000 * min(times):.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/language"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    classes = length_classes(arguments.data, rng)
    table = guessers(arguments.seed)
    print_accuracy(classes, table)
    print_chinese(arguments.data, table)
    print_not_language(arguments.data, table)
    print_mixed(classes, rng, arguments.seed)
    print_speed(classes, table, arguments.seed)


if __name__ == "__main__":
    main()
