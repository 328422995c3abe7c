"""Small raw folders in English and Chinese, and random changes to them: what the fault and history benchmarks run on.

Every kind of thing that one document can do to another is in them: exact and near duplicates (so that a
representative may go and another be promoted), digests of stories, pages of one site (so that templates come and go),
containers whose records come and go, files that end in quarantine or are skipped.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import zlib
from pathlib import Path
from typing import Final

SENTENCES: Final = {
    "en": (
        "The {a} provinces agreed on a plan to cut emissions by {b} per cent, and work on it will begin at once.",
        "Officials from {a} countries met in the capital to discuss the rules for {b} carbon projects.",
        "A panel of {a} experts said that the reported figures for {b} power plants should be checked again.",
        "The exchange recorded {a} trades in its first week, at an average price of {b} dollars a tonne.",
        "Farmers in {a} districts asked the council to publish its data on water use for the past {b} years.",
        "The report lists {a} companies that missed the deadline and {b} that asked for more time.",
        "Observers welcomed the step, which {a} cities have followed since the first pilot {b} months ago.",
        "The ministry will hold {a} hearings before the new standard takes effect in {b} days.",
    ),
    "zh": (
        "第{a}次会议讨论了全国碳排放权交易市场的建设进展，与会代表提出了{b}条意见。",
        "生态环境部有关负责人表示，将在{a}日之内公布{b}家重点排放单位的名单，接受社会监督。",
        "本周碳市场累计成交{a}万吨，成交均价为每吨{b}元，市场运行总体平稳。",
        "专家组对{a}个省份的核查报告进行了抽查，发现其中{b}份数据质量有待提高。",
        "会议要求各地区进一步完善制度体系，在{a}个试点城市推广经验，培训{b}名工作人员。",
        "这项标准将于{a}个月后实施，届时{b}个行业的企业须按新办法报送数据。",
        "来自{a}个国家的代表签署了合作备忘录，计划共同支持{b}个可再生能源项目。",
        "研究显示，过去{a}年间森林面积增加了{b}万公顷，固碳能力明显增强。",
    ),
}
SITES: Final = ("news.example.org", "www.example.cn", "policy.example.net")
FURNITURE: Final = {
    "news.example.org": ("Sign up to our weekly letter of climate news", "Read more stories from our correspondents"),
    "www.example.cn": ("扫描二维码关注本站微信公众号", "更多精彩内容请点击首页专题栏目"),
    "policy.example.net": ("Our library holds every bulletin since the first", "编辑部欢迎读者来信来稿"),
}
KINDS: Final = ("txt", "txt", "html", "html", "html", "jsonl", "gz", "gbk", "digest", "copy", "near", "odd")


def make_raw(raw: Path, rng: random.Random, *, n_files: int) -> None:
    """A new raw folder."""
    raw.mkdir(parents=True)
    for number in range(n_files):
        _add(raw, rng, f"{number:03d}")


def change(raw: Path, rng: random.Random, step: int, *, n_changes: int) -> list[str]:
    """Add, edit, delete, rename, copy or touch files; what was done, for people."""
    done = []
    for number in range(n_changes):
        files = files_in(raw)
        act = rng.choice(("add", "add", "edit", "delete", "rename", "touch")) if len(files) > 3 else "add"
        one = rng.choice(files) if files else raw
        match act:
            case "add":
                _add(raw, rng, f"s{step}-{number}")
            case "edit":
                _edit(one, rng)
            case "delete":
                one.unlink()
            case "rename":
                one.rename(one.with_name(f"{rng.choice('az')}{step}{number}-{one.name[-40:]}"))
            case "touch":
                os.utime(one, ns=(step, rng.randrange(10**18)))
        done.append(f"{act} {one.name}")
    return done


def write_rules(folder: Path, rng: random.Random) -> None:
    """A folder of rules with a site rule of its own for some site; another one each time."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "sites").mkdir(parents=True)
    site = rng.choice(SITES)
    line = rng.choice(FURNITURE[site])
    name = site.removeprefix("www.").removeprefix("news.").removeprefix("policy.")
    rule = {
        "id": f"{name.replace('.', '-')}-line",
        "label": "advert",
        "why": "A line of the site.",
        "match.pattern": line,
    }
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in rule.items()]
    examples = [
        f"examples = {json.dumps([line], ensure_ascii=False)}",
        'counterexamples = ["Another line altogether."]',
    ]
    (folder / "sites" / f"{name}.toml").write_text("\n".join(["[[rule]]", *lines, *examples]), "utf-8")


def files_in(raw: Path) -> list[Path]:
    """The files of a raw folder in path order."""
    return sorted(path for path in raw.rglob("*") if path.is_file())


def article(rng: random.Random, lang: str, n: int = 5) -> list[str]:
    """Paragraphs of two sentences."""
    pairs = [rng.sample(SENTENCES[lang], 2) for _ in range(n)]
    gap = " " if lang == "en" else ""
    return [gap.join(s.format(a=rng.randint(2, 99), b=rng.randint(100, 999)) for s in pair) for pair in pairs]


def page(site: str, title: str, lines: list[str]) -> str:
    """A page of a site with the site's furniture around the article."""
    first, last = FURNITURE[site]
    body = "".join(f"<p>{line}</p>\n" for line in lines)
    return (
        f'<html><head><title>{title}</title><link rel="canonical" href="https://{site}/{zlib.crc32(title.encode())}">'
        f"</head><body><ul class=nav><li><a href=/>Home</a></li><li><a href=/n>News</a></li></ul><p>{first}</p>\n"
        f"<h1>{title}</h1><article>{body}</article><p>{last}</p><div class=footer>Copyright {site}</div></body></html>"
    )


def _add(raw: Path, rng: random.Random, name: str) -> None:
    kind, lang = rng.choice(KINDS), rng.choice(("en", "zh"))
    folder = raw / rng.choice(("", "deep", "深层"))
    folder.mkdir(exist_ok=True)
    lines = article(rng, lang)
    texts = [path for path in files_in(raw) if path.suffix == ".txt" and path.stat().st_size > 300]
    match kind:
        case "html":
            site = rng.choice(SITES)
            (folder / f"{name}.html").write_text(page(site, f"{lines[0][:30]} {name}", lines), "utf-8")
        case "jsonl":
            rows = [
                {"text": "\n".join([*article(rng, lang), FURNITURE[site][0]]), "url": f"https://{site}/{name}/{n}"}
                for n, site in enumerate(rng.choices(SITES, k=4))
            ]
            text = "\n".join([json.dumps(row, ensure_ascii=False) for row in rows] + ["{broken"] * rng.randint(0, 1))
            (folder / f"{name}.jsonl").write_text(text, "utf-8")
        case "gz":
            (folder / f"{name}.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
        case "gbk":
            (folder / f"{name}-中文.txt").write_bytes("\n".join(article(rng, "zh")).encode("gb18030"))
        case "digest":
            stories = [f"# {s[0][:24]}\n\n" + "\n\n".join(s) for s in (article(rng, lang, 3) for _ in range(3))]
            (folder / f"{name}.md").write_text("\n\n".join(stories), "utf-8")
        case "copy" if texts:
            (folder / f"{name}.txt").write_bytes(rng.choice(texts).read_bytes())
        case "near" if texts:
            more = "\n" + article(rng, "en", 1)[0]
            (folder / f"{name}.txt").write_bytes(rng.choice(texts).read_bytes() + more.encode())
        case "odd":
            odd = rng.choice(
                (("empty.txt", b""), ("picture.png", b"\x89PNG\r\n\x1a\n"), ("broken.gz", b"\x1f\x8b\x08\x00xx"))
            )
            (folder / f"{name}-{odd[0]}").write_bytes(odd[1])
        case _:
            (folder / f"{name}.txt").write_text("\n".join(lines), "utf-8")


def _edit(path: Path, rng: random.Random) -> None:
    """A paragraph more, a record less, or other bytes altogether."""
    if path.suffix == ".jsonl":
        lines = path.read_text("utf-8").split("\n")
        del lines[rng.randrange(len(lines))]
        path.write_text("\n".join([*lines, json.dumps({"text": "\n".join(article(rng, "zh"))})]), "utf-8")
    elif path.suffix == ".html":
        path.write_text(
            path.read_text("utf-8").replace("</article>", f"<p>{article(rng, 'en', 1)[0]}</p></article>"), "utf-8"
        )
    else:
        path.write_text("\n".join(article(rng, rng.choice(("en", "zh")))), "utf-8")
