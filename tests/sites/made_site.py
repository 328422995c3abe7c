"""Pages of a made-up site: one frame, a box of related links that differs from page to page, an article in each."""

import random
from dataclasses import dataclass

DOMAIN = {"en": "harbour-example.org", "zh": "lvtan-example.cn"}
HEAD = {
    "en": ["Harbour Gazette", "Home", "Shipping news", "Tide tables", "Reader letters", "Log in or register"],
    "zh": ["绿碳观察网", "首页", "市场动态", "潮汐数据", "读者来信", "登录或注册"],
}
FOOT = {
    "en": [
        "Printed on the quay since the first ferry",
        "Send this page to a shipmate",
        "The Gazette takes no part in the disputes of its correspondents and prints what they send.",
        "Copyright 2024 harbour-example.org",
    ],
    "zh": [
        "把本页寄给同船的人",
        "值班室的灯亮到天明",
        "本网只登来稿，不参与来稿人之间的争论。",
        "版权所有 lvtan-example.cn",
    ],
}
#: Stands on every fourth page only: too seldom to be learned.
SELDOM = {"en": "Ask the harbour master's cat", "zh": "编后语请看下期"}
#: Opens every article, and is content all the same: a recurring line that a maintainer vetoes.
REFRAIN = {"en": "What the log says", "zh": "本期航海日志"}
RELATED = {"en": "More from the quay", "zh": "码头上的其他消息"}
_WORDS = {
    "en": "market carbon island winter permit auction river steel price council glass meadow ferry ledger tide "
    "pilot anchor barley lantern copper orchard bridge cellar saddle thunder mirror".split(),
    "zh": list("碳市场海岛冬季配额拍卖江河钢铁价格会议草原渡轮账本港口灯塔铜果园桥梁地窖雷镜舵锚麦"),
}


@dataclass(frozen=True)
class MadePage:
    name: str
    content: str
    gold: str


def sentence(lang: str, rng: random.Random) -> str:
    words = rng.choices(_WORDS[lang], k=16 if lang == "en" else 34)
    if lang == "zh":
        return f"{''.join(words[:14])}，{''.join(words[14:])}。"
    return f"The {' '.join(words[:8])} and the {' '.join(words[8:])}."


def headline(lang: str, rng: random.Random) -> str:
    words = rng.choices(_WORDS[lang], k=5 if lang == "en" else 11)
    return "".join(words) if lang == "zh" else " ".join(words).capitalize()


def made_page(lang: str, number: int, *, form: str = "html", seed: int = 0, body: list[str] | None = None) -> MadePage:
    """Page ``number`` of the site; ``body`` instead of an article of its own."""
    rng = random.Random(f"{seed}-{lang}-{number}")
    title, links = headline(lang, rng), [headline(lang, rng) for _ in range(4)]
    paragraphs = body or [" ".join(sentence(lang, rng) for _ in range(2)) for _ in range(4)]
    seldom = [SELDOM[lang]] if number % 4 == 3 else []
    gold = "\n".join([REFRAIN[lang], *paragraphs])
    if form == "text":
        lines = [*HEAD[lang], title, REFRAIN[lang], *paragraphs, RELATED[lang], *links, *seldom, *FOOT[lang]]
        return MadePage(f"{number:03d}.txt", "\n".join(lines), gold)
    menu = "".join(f'<li><a href="/{at}">{line}</a></li>' for at, line in enumerate(HEAD[lang]))
    more = "".join(f'<li><a href="/story/{number}{at}">{line}</a></li>' for at, line in enumerate(links))
    text = "".join(f"<p>{line}</p>" for line in paragraphs)
    foot = "".join(f"<p>{line}</p>" for line in [*seldom, *FOOT[lang]])
    return MadePage(
        f"{number:03d}.html",
        f"<!DOCTYPE html><html><head><meta charset=utf-8><title>{title}</title></head><body><ul class=top>{menu}</ul>"
        f"<div class=story><h1>{title}</h1><h3>{REFRAIN[lang]}</h3>{text}</div>"
        f"<div class=box><h4>{RELATED[lang]}</h4><ul>{more}</ul></div><div class=under>{foot}</div></body></html>",
        gold,
    )


def made_site(lang: str, n: int = 12, *, form: str = "html", seed: int = 0) -> list[MadePage]:
    return [made_page(lang, number, form=form, seed=seed) for number in range(n)]
