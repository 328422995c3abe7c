"""Where stories begin in a digest without headlines: paragraphs that open something new.

A linear score of each paragraph over ``opening_features``: how much of its words, and of the words around, was said
just before, how it begins, how long it and its neighbours are. One table of weights for text in CJK scripts and one
for others; ``python -m training.sections_fit`` fits both. To add a sign, add a feature and fit again.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain

from pipeline.sections.digests import DATED, DATELINE, script_of, shared_words, terms
from pipeline.text.prose import is_prose_line
from pipeline.text.tokens import count_tokens
from pipeline.types import Block

#: First words that hang on what was said before.
ANAPHORA = re.compile(
    r"\W{0,2}(?:(?:[Tt]h(?:is|ese|ose|at|ey|eir|us|en|erefore)|[Ii]t|[Ii]ts|[Hh]e|[Ss]he|[Hh]is|[Hh]er|[Aa]lso|[Mm]oreover|[Ff]urthermore"
    r"|[Nn]ext|[Ff]inally|[Nn]ow|[Bb]ut|[Ss]o|[Aa]nd|[Bb]oth|[Ss]uch|[Aa]nother|[Oo]ther|[Ii]n addition|[Hh]owever|[Mm]eanwhile|[Ff]or example"
    r"|According to (?:him|her|the)|[Ww]e|[Yy]ou|I|Mr|Ms|Mrs|Dr)\b|此外|另外|同时|与此同时|因此|所以|但|然而|不过|接下来|然后|最后|现在|首先|其次"
    r"|下一步|这|该|其|它|他|她|如果|而|并|还|也|据介绍|据悉|据了解|双方|会议|目前|截至|未来|今后|当前|此次|与会)"
)
#: Somebody speaks who was named before.
QUOTATION = re.compile(r"\W?[\"“「]|.{0,60}(?:表示|指出|强调|说)[，：]")
PRONOUN = re.compile(r"\b(?:Mr|Ms|Mrs|he|she|him)\b|[他她]")

#: Log-odds that a paragraph opens a story, on ``opening_features``. Fitted; see the module's docstring.
WEIGHTS = {
    "latin": {
        "seen": -10.2, "ahead": 4.1, "before_seen": 3.3, "crossing": -85.1, "dateline": 1.0, "dated": 0.1, "anaphora": -1.1,
        "quotation": -1.7, "pronoun": -0.5, "length": -0.2, "length_before": 1.1, "length_after": 0.5, "lead": 0.8, "prose": 4.8,
    },
    "cjk": {
        "seen": -1.6, "ahead": 3.8, "before_seen": 2.3, "crossing": -62.7, "dateline": 2.6, "dated": 0.8, "anaphora": -0.9,
        "quotation": 0.0, "pronoun": -0.5, "length": 0.1, "length_before": 0.3, "length_after": 0.2, "lead": 0.4, "prose": 1.4,
    },
}  # fmt: skip
INTERCEPT = {"latin": -9.6, "cjk": -5.0}
#: Log-odds from which a paragraph does.
THRESHOLD = -1.0
#: Log-odds that a document cut like this is a digest: words that its stories share (more telling in CJK scripts), the
#: mean of the three best openings, stories that open with a dateline. Above DIGEST_THRESHOLD few articles are cut.
#: Fitted once on the cases of ``training.sections_fit``, which shows what they do and does not refit them.
SHARED_WEIGHT = {"latin": -11.8, "cjk": -15.2}
BEST_WEIGHT, DATELINE_WEIGHT = 0.9, 3.9
DIGEST_INTERCEPT = 5.3
DIGEST_THRESHOLD = 1.0

MIN_BLOCKS = 6  # of a document that is looked at
MIN_STORIES = 3
MIN_TERMS = 8  # of a story that is compared at all
_LEAD = 400  # characters of the first paragraphs
#: Share of the lead's words that come again in the second half of an article; of the digests 4 % have so many.
MAX_LEAD_REPEATED = 0.38
_BACK, _AHEAD = 5, 3  # paragraphs on each side that are compared
_SAMPLE = 600  # characters of a paragraph that are


def find_openings(blocks: Sequence[Block]) -> tuple[int, ...]:
    """Indices of the blocks that stories begin with, 0 among them; empty if the document is no digest.

    Args:
        blocks: the content of a document without its title.
    """
    if len(blocks) < MIN_BLOCKS or _lead_runs_on(blocks):
        return ()
    script = script_of(blocks)
    scores = opening_scores(blocks, script)
    starts = [i for i, score in enumerate(scores, start=1) if score > THRESHOLD]
    if len(starts) < MIN_STORIES - 1:
        return ()
    found = (0, *starts)
    best = sum(sorted(scores)[-3:]) / 3
    return found if digest_odds(blocks, found, best, script) > DIGEST_THRESHOLD else ()


def _lead_runs_on(blocks: Sequence[Block]) -> bool:
    """Whether the words of the first paragraphs keep coming in the second half: a cheap look that spares most articles."""
    lead = terms(" ".join(block.text for block in blocks[:3])[:_LEAD])
    rest = " ".join(block.text[:_SAMPLE] for block in blocks[max(3, len(blocks) // 2) :]).lower()
    return sum(word in rest for word in lead) > MAX_LEAD_REPEATED * len(lead)


def digest_odds(blocks: Sequence[Block], starts: Sequence[int], best: float, script: str) -> float:
    """Log-odds that a document cut at ``starts`` is a digest; ``best`` is the mean of its three best openings."""
    ends = [*starts[1:], len(blocks)]
    stories = [
        terms(" ".join(block.text[:_SAMPLE] for block in blocks[start:end])[: 2 * _SAMPLE])
        for start, end in zip(starts, ends, strict=True)
    ]
    if sum(len(story) >= MIN_TERMS for story in stories) < len(stories) / 2:
        return -math.inf  # no running text
    datelines = sum(DATELINE.search(blocks[start].text[:160]) is not None for start in starts)
    return (
        DIGEST_INTERCEPT
        + SHARED_WEIGHT[script] * shared_words(stories)
        + BEST_WEIGHT * best
        + DATELINE_WEIGHT * datelines / len(starts)
    )


def opening_scores(blocks: Sequence[Block], script: str) -> list[float]:
    """Log-odds for each block but the first that a story begins with it."""
    weights, intercept = WEIGHTS[script], INTERCEPT[script]
    rows = opening_features(blocks)
    return [intercept + sum(weights[name] * value for name, value in row.items()) for row in rows]


def opening_features(blocks: Sequence[Block]) -> list[dict[str, float]]:
    """The features of every block but the first.

    ``seen``: share of its words said in the blocks before; ``ahead``: said again in those after; ``before_seen``: the
    share the last block had; ``crossing``: words on both sides of the boundary as a share of those around it.
    """
    n = len(blocks)
    total, seen, ahead, crossing = _repetitions([terms(block.text[:_SAMPLE]) for block in blocks])
    length = [math.log(1 + count_tokens(block.text[:1500])) for block in blocks]
    share = [part / whole if whole else 0.0 for part, whole in zip(seen, total, strict=True)]
    rows = []
    for i in range(1, n):
        text = blocks[i].text[:200]
        around = sum(total[max(0, i - _AHEAD) : i + _AHEAD])
        rows.append(
            {
                "seen": share[i],
                "ahead": ahead[i] / total[i] if total[i] else 0.0,
                "before_seen": share[i - 1],
                "crossing": crossing[i] / around if around else 0.0,
                "dateline": float(DATELINE.search(text[:80]) is not None),
                "dated": float(DATED.search(text[:50]) is not None),
                "anaphora": float(ANAPHORA.match(text) is not None),
                "quotation": float(QUOTATION.match(text) is not None),
                "pronoun": float(PRONOUN.search(text) is not None),
                "length": length[i],
                "length_before": length[i - 1],
                "length_after": length[i + 1] if i + 1 < n else length[i],
                "lead": float(i + 1 < n and length[i] < length[i + 1] - 0.3 and length[i] < length[i - 1] - 0.3),
                "prose": float(is_prose_line(text) if len(text) < 200 else True),
            }
        )
    return rows


def _repetitions(said: Sequence[set[str]]) -> tuple[list[float], list[float], list[float], list[float]]:
    """Weights of the words of each block, of those said shortly before and of those said again shortly after; and of
    those that lie on both sides of the boundary before it. A word weighs less the more blocks have it.
    """
    n = len(said)
    count = Counter(chain.from_iterable(said))
    weights = {times: math.log(1 + n / times) for times in set(count.values())}
    total, seen, ahead, crossing = [0.0] * n, [0.0] * n, [0.0] * n, [0.0] * (n + 1)
    last: dict[str, int] = {}
    for index, words in enumerate(said):
        again = [word for word in words if count[word] > 1]
        total[index] = weights.get(1, 0.0) * (len(words) - len(again))
        for word in again:
            weight = weights[count[word]]
            total[index] += weight
            previous = last.get(word, -_BACK - 1)
            last[word] = index
            if index - previous <= _BACK:
                seen[index] += weight
                if index - previous <= _AHEAD:
                    ahead[previous] += weight
                for boundary in range(previous + 1, index + 1):
                    crossing[boundary] += weight
    return total, seen, ahead, crossing
