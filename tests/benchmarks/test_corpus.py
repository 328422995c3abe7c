"""The corpus maker keeps its word."""

import gzip
import json
import random
from collections import Counter

import pytest

from benchmarks.corpus import (
    EDITS,
    Page,
    edit_pieces,
    load_frame,
    make_corpus,
    make_text,
    read_truth,
    sentences_of,
    text_lines,
)
from pipeline.text.tokens import tokens

FILES = 150

WORDS = {
    "en": "market carbon island harbour winter permit auction river steel price council glass meadow ferry ledger",
    "zh": "碳 市 场 海 岛 冬 季 配 额 拍 卖 江 河 钢 铁 价 格 会 议 草 原 渡 轮 账 本 港 口",
}


def sentence(lang, rng):
    words = rng.choices(WORDS[lang].split(), k=14 if lang == "en" else 24)
    return " ".join(words).capitalize() + f" {rng.randint(10, 99)}." if lang == "en" else "".join(words) + "12。"


def paragraph(lang, rng):
    return (" " if lang == "en" else "").join(sentence(lang, rng) for _ in range(3))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Four small sites: a menu, eight paragraphs, a footer."""
    folder, rng, rows = tmp_path_factory.mktemp("data"), random.Random(1), []
    (folder / "pages").mkdir()
    for number, lang in enumerate(["en", "zh", "en", "zh"]):
        gold = [paragraph(lang, rng) for _ in range(8)]
        menu = "<ul><li><a href=/>Home 首页</a></li><li><a href=/x>Contact 联系</a></li></ul>"
        body = "".join(f"<p>{text}</p>\n" for text in gold)
        page = f"<html><head><meta charset=utf-8><title>Page</title></head><body>{menu}{body}<div>© {number}</div>"
        name = f"pages/{number}.html.gz"
        (folder / name).write_bytes(gzip.compress(page.encode("utf-8" if number else "ascii", "xmlcharrefreplace")))
        rows.append({"page": name, "lang": lang, "site": f"www.site{number}.example", "gold": "\n".join(gold)})
    (folder / "gold.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return folder


def pages_of(data):
    rows = map(json.loads, (data / "gold.jsonl").read_text("utf-8").splitlines())
    return [Page(row["page"], row["lang"], row["site"], row["gold"]) for row in rows]


@pytest.fixture(scope="module")
def corpus(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("corpus") / "raw"
    truth = make_corpus(out, files=FILES, seed=3, data=data, quiet=True)
    return out, read_truth(truth)


def contents(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def shingles(text):
    words = tokens(text)
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}


def likeness(left, right):
    return len(shingles(left) & shingles(right)) / len(shingles(left) | shingles(right))


def test_the_same_seed_makes_the_same_corpus_and_another_seed_another(corpus, data, tmp_path):
    out, truth = corpus
    again = make_corpus(tmp_path / "again", files=FILES, seed=3, data=data, quiet=True)
    assert contents(tmp_path / "again") == contents(out)
    assert read_truth(again) == truth
    make_corpus(tmp_path / "other", files=FILES, seed=4, data=data, quiet=True)
    assert contents(tmp_path / "other") != contents(out)


def test_the_truth_accounts_for_every_file_and_lies_beside_them(corpus):
    out, truth = corpus
    assert {row.path for row in truth} == set(contents(out))
    assert len(contents(out)) == FILES
    assert max(Counter((row.path, row.member) for row in truth).values()) == 1
    for path, content in contents(out).items():
        members = [row.member for row in truth if row.path == path]
        if path.endswith(".jsonl"):
            assert members == [str(n) for n in range(1, content.count(b"\n") + 1)]
        elif not path.endswith(".warc.gz"):
            assert members == [None]


def test_every_duplicate_has_an_original_and_nothing_else_has_a_cluster(corpus):
    _, truth = corpus
    originals = Counter(row.cluster for row in truth if row.outcome == "document")
    assert set(originals.values()) == {1}
    assert {row.cluster for row in truth if row.outcome == "duplicate"} <= set(originals)
    odd = [row for row in truth if row.outcome in ("quarantine", "skipped")]
    assert odd and all(row.cluster is None for row in odd)
    assert {row.outcome for row in truth} == {"document", "duplicate", "quarantine", "skipped"}


def test_exact_copies_are_equal_byte_for_byte(corpus):
    out, truth = corpus
    copies = [row for row in truth if row.edit == "copy" and row.member is None]
    files = contents(out)
    assert copies
    for row in copies:
        assert [path for path, content in files.items() if content == files[row.path] and path != row.path]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_edited_copies_are_near_and_other_stories_are_not(data, lang):
    pages = pages_of(data)
    pool = sentences_of(pages, lang)
    (frame, *_) = (load_frame(data, page) for page in pages if page.lang == lang)
    for seed in range(5):
        rng = random.Random(seed)
        story, other = ([make_text(size, rng, pool, lang) for size in frame.sizes] for _ in range(2))
        assert likeness("\n".join(story), "\n".join(other)) < 0.4
        for edit in EDITS[:3]:
            edited = edit_pieces(edit, story, rng, pool, lang)
            assert 0.6 < likeness("\n".join(story), "\n".join(edited)) < 1


def test_a_frame_gives_back_its_page_and_holds_nothing_of_its_main_text(data):
    for page in pages_of(data):
        frame = load_frame(data, page)
        assert frame.usable
        gold = page.gold.split("\n")
        assert frame.fill(gold) == gzip.decompress((data / page.page).read_bytes()).decode()
        assert not any(line in "".join(frame.between) for line in gold)
        assert text_lines(frame.fill(gold))[2:-1] == gold
