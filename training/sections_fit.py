"""Fit the weights of ``pipeline.sections.digests`` and ``pipeline.sections.openings``, and try them on archives left out.

    python -m training.sections_fit [--data ../shared/data]

Every group of archives of one origin is left out once; the printed shares and F1 are on the group left out, the
weights at the end are fitted on all. Positives are news digests, of the archives and glued from single articles
(columns of newsletters teach nothing of headlines); negatives are single articles. Glued digests take headlines from
the pages' <title>.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import math
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.sections import Case, flatten, lines_of
from pipeline.metadata.titles import cut_site_name
from pipeline.sections import digests, openings
from pipeline.sections.digests import headline_candidates, script_of
from pipeline.sections.openings import opening_features
from pipeline.text.forms import is_heading_text
from pipeline.text.prose import is_prose_line

#: Archives of one origin are left out together.
GROUPS = (
    ("bbc-mix", "bbc-single"), ("xwlb",), ("optech-en", "optech-zh"), ("swiftweekly",), ("twir",), ("iosweekly",),
    ("lctt-en", "lctt-zh"), ("web", "web-mix-en", "web-mix-zh"), ("wire-en", "wire-mix-en"), ("wire-zh", "wire-mix-zh"),
)  # fmt: skip
NEWS = ("bbc-mix", "xwlb", "web-mix-en", "web-mix-zh", "wire-mix-en", "wire-mix-zh")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    data = parser.parse_args().data
    draw = random.Random(1)
    documents = [json.loads(line) for line in (data / "sections/docs.jsonl").open(encoding="utf-8")]
    web = list(_web_articles(data / "extraction"))
    wire = {lang: list(_wire_articles(data / f"dedup/constructed-{lang}.jsonl")) for lang in ("en", "zh")}
    print("## headlines: digest or one article with subheadings")
    singles = [_case("web", False, [(None, body)]) for _, _, body in web]
    mixes = [case for lang, n in (("en", 100), ("zh", 60)) for case in _glue(web, lang, n, draw, heads=True)]
    _fit_headlines([*(flatten(one, headings=True, blank=False) for one in documents), *singles, *mixes])
    print("## openings: where stories begin without headlines")
    singles = [_case("web", False, [(None, _without_headings(body))]) for _, _, body in web]
    mixes = [case for lang, n in (("en", 100), ("zh", 60)) for case in _glue(web, lang, n, draw, heads=False)]
    for lang, articles in wire.items():
        pool = [(lang, "", body) for body in articles]
        mixes += [_rename(case, f"wire-mix-{lang}") for case in _glue(pool, lang, 80, draw, heads=False)]
        singles += [_case(f"wire-{lang}", False, [(None, body)]) for body in articles[:100]]
    _fit_openings([*(flatten(one, headings=False, blank=False) for one in documents), *singles, *mixes])


def _web_articles(folder: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Language, headline and paragraphs of saved articles."""
    for line in (folder / "gold.jsonl").open(encoding="utf-8"):
        page = json.loads(line)
        if "article" not in page["set"] and page["set"] != "gne":
            continue
        raw = gzip.decompress((folder / page["page"]).read_bytes())[:200_000]
        title = re.search(rb"<title[^>]{0,200}>([^<]{1,500})</title", raw, re.IGNORECASE)
        body = [" ".join(text.split()) for text in page["gold"].split("\n") if text.strip()]
        if len(body) >= 3:
            text = title[1].decode("utf-8", errors="replace") if title else ""
            yield page["lang"], cut_site_name(html.unescape(text)), body


def _wire_articles(path: Path) -> Iterator[list[str]]:
    """Paragraphs of agency news, unedited."""
    for line in path.open(encoding="utf-8"):
        article = json.loads(line)
        body = [" ".join(text.split()) for text in article["text"].split("\n") if text.strip()]
        if article["edit"] == "orig" and len(body) >= 2 and all(is_prose_line(text) for text in body[:2]):
            yield body


def _glue(
    pool: Sequence[tuple[str, str, list[str]]], lang: str, n: int, draw: random.Random, *, heads: bool
) -> Iterator[Case]:
    """Digests of three to nine articles, the first paragraphs of each."""
    usable = [
        one
        for one in pool
        if one[0] == lang and (not heads or (one[1] and is_heading_text(one[1]) and "\ufffd" not in one[1]))
    ]
    for _ in range(n):
        stories = [
            (title if heads else None, (body if heads else _without_headings(body))[: draw.randint(2, 7)])
            for _, title, body in draw.sample(usable, draw.randint(3, 9))
        ]
        yield _case(f"web-mix-{lang}", True, stories)


def _without_headings(body: Sequence[str]) -> list[str]:
    return [text for text in body if is_prose_line(text) or not is_heading_text(text)]


def _case(archive: str, digest: bool, stories: Sequence[tuple[str | None, Sequence[str]]]) -> Case:
    texts: list[str] = []
    starts = []
    for title, body in stories:
        starts.append(len(texts))
        texts += [*([title] if title else []), *body]
    return Case(archive, digest, lines_of(texts, blank=False), frozenset(starts if digest else ()), frozenset())


def _rename(case: Case, archive: str) -> Case:
    return Case(archive, case.digest, case.blocks, case.starts, case.titles)


def _fit_headlines(cases: Sequence[Case]) -> None:
    rows = [(case, heads) for case in cases if len(heads := headline_candidates(case.blocks)) >= digests.MIN_STORIES]
    values = [digests.features(case.blocks, heads) for case, heads in rows]
    names = [name for name in values[0] if name != "dated"]
    matrix = np.array([[row[name] for name in names] for row in values])
    digest = np.array([case.digest for case, _ in rows])
    archives = np.array([case.archive for case, _ in rows])
    announced = np.array([digests.is_announced(case.blocks, heads) for case, heads in rows])
    usable = (np.isin(archives, NEWS) | ~digest) & ~(announced & digest)
    score = _left_out(matrix, digest, archives, usable)
    enough = score > np.array([digests.THRESHOLD[script_of(case.blocks)] for case, _ in rows])
    for archive in dict.fromkeys(archives):
        here = archives == archive
        total = sum(case.archive == archive for case in cases)
        alone, both = enough[here].sum(), (announced | enough)[here].sum()
        print(f"   {archive:12} called a digest {both / total:6.1%} of {total}, by its score {alone / total:6.1%}")
    _print_weights(names, _logistic(matrix[usable], digest[usable], archives[usable]))


def _fit_openings(cases: Sequence[Case]) -> None:
    cases = [case for case in cases if len(case.blocks) >= openings.MIN_BLOCKS]
    scripts = np.array([script_of(case.blocks) for case in cases])
    found: dict[int, tuple[tuple[int, ...], float]] = {}
    for script in ("latin", "cjk"):
        here = [i for i in range(len(cases)) if scripts[i] == script]
        values = [opening_features(cases[i].blocks) for i in here]
        names = list(values[0][0])
        matrix = np.array([[row[name] for name in names] for rows in values for row in rows])
        owner = np.array([i for i, rows in zip(here, values, strict=True) for _ in rows])
        start = np.array([place in cases[i].starts for i in here for place in range(1, len(cases[i].blocks))])
        archives = np.array([cases[i].archive for i in owner])
        usable = np.isin(archives, NEWS) | ~np.array([cases[i].digest for i in owner])
        score = _left_out(matrix, start, archives, usable, by_kind=False)
        for i in here:
            own = score[owner == i]
            found[i] = (
                (0, *(int(k) + 1 for k in np.flatnonzero(own > openings.THRESHOLD))),
                float(np.sort(own)[-3:].mean()),
            )
        print(script, end=" ")
        _print_weights(names, _logistic(matrix[usable], start[usable], archives[usable], by_kind=False))
    _report_openings(cases, scripts, found)


def _report_openings(
    cases: Sequence[Case], scripts: np.ndarray, found: dict[int, tuple[tuple[int, ...], float]]
) -> None:
    """Shares called a digest with the weights in use, on openings found with weights that did not see the archive."""
    for archive in dict.fromkeys(case.archive for case in cases):
        here = [i for i, case in enumerate(cases) if case.archive == archive]
        called = [
            len(found[i][0]) >= openings.MIN_STORIES
            and openings.digest_odds(cases[i].blocks, *found[i], str(scripts[i])) > openings.DIGEST_THRESHOLD
            for i in here
        ]
        right = sum(len((set(found[i][0]) & cases[i].starts) - {0}) for i in here)
        said, true = (
            sum(len(set(which) - {0}) for which in one)
            for one in ([found[i][0] for i in here], [cases[i].starts for i in here])
        )
        f1 = f"F1 of the openings {2 * right / max(1, said + true):.3f}" if true else ""
        print(f"   {archive:12} called a digest {np.mean(called):6.1%} of {len(here)}  {f1}")


def _left_out(
    x: np.ndarray, y: np.ndarray, archives: np.ndarray, usable: np.ndarray, *, by_kind: bool = True
) -> np.ndarray:
    """Log-odds of each row by weights fitted without its group."""
    score = np.zeros(len(y))
    for group in GROUPS:
        held = np.isin(archives, group)
        if held.any():
            train = usable & ~held
            weights = _logistic(x[train], y[train], archives[train], by_kind=by_kind)
            score[held] = x[held] @ weights[:-1] + weights[-1]
    return score


def _logistic(
    x: np.ndarray, y: np.ndarray, archives: np.ndarray, *, by_kind: bool = True, ridge: float = 1.0
) -> np.ndarray:
    """Ridge logistic regression by Newton's method on standardised columns; the weights returned are for raw ones.

    Archives weigh the root of their size; with ``by_kind`` both kinds weigh the same in all.
    """
    weight = np.array([1 / math.sqrt(np.sum(archives == archive)) for archive in archives])
    if by_kind:
        for kind in (True, False):
            weight[y == kind] /= weight[y == kind].sum()
    weight *= len(y) / weight.sum()
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    z = np.hstack([(x - mean) / spread, np.ones((len(x), 1))])
    penalty = np.diag([ridge] * x.shape[1] + [1e-6])
    beta = np.zeros(z.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(z @ beta, -30, 30)))
        step = np.linalg.solve(
            (z * (weight * p * (1 - p))[:, None]).T @ z + penalty, z.T @ (weight * (p - y)) + penalty @ beta
        )
        beta -= step
        if np.abs(step).max() < 1e-8:
            break
    raw = beta[:-1] / spread
    return np.append(raw, beta[-1] - mean @ raw)


def _print_weights(names: Sequence[str], weights: np.ndarray) -> None:
    print(
        "   fitted on all: "
        + str({name: round(float(w), 1) for name, w in zip([*names, "INTERCEPT"], weights, strict=True)})
    )


if __name__ == "__main__":
    main()
