"""What the benchmark of site templates counts: pages left out, hits in the gold text, reposted articles."""

import numpy as np

from benchmarks import templates
from benchmarks.labelled_pages import Page
from benchmarks.templates import by_site, check_reposts, flattened_sites, learned_hits, measure, post
from pipeline.boilerplate.rules import load_rules
from pipeline.extract import extract
from pipeline.text.tokens import count_tokens

WORDS = "ferry post mail boat bus tram".split()
HAN = "渡轮邮船快车电车小艇大桥"


def page_of(word, lang="en", site="www.site.example"):
    lines = [
        f"The {word} {mark} of the island was late again and nobody knew why."
        for mark in ("one", "two", "six", "ten", "red", "blue")
    ]
    if lang == "zh":
        lines = [f"岛上的{word}今天又晚点了，码头上没有人知道第{mark}次是什么原因。" for mark in "甲乙丙丁戊己"]
    gold = "\n".join(lines)
    source = "<ul><li>Our harbour news</ul>" + "".join(f"<p>{line}</p>" for line in lines) + "<p>Write to us today</p>"
    blocks = extract(source, "text/html").blocks
    shares = tuple(float(block.text in gold) for block in blocks)
    return Page("set", lang, site, gold, source, "html", blocks, shares)


def score(pages, mode):
    return [np.array([0.9 if count_tokens(b.text) > 11 else 0.02 for b in page.blocks], np.float32) for page in pages]


def test_a_page_left_out_gets_the_template_of_the_others():
    pages = [page_of(word) for word in WORDS[:5]]
    for left_out, number in ((False, 4), (False, 5), (True, 5)):
        hits = learned_hits(pages[:number], score(pages[:number], "markup"), left_out=left_out)
        assert [[at for at, hit in enumerate(one) if hit] for one in hits] == [[0, 7]] * number
    alone = learned_hits(pages[:4], score(pages[:4], "markup"), left_out=True)
    assert not any(hit for one in alone for hit in one)


def test_hits_in_the_gold_text_are_counted_and_cost():
    page = page_of("ferry")
    (values,) = score([page], "markup")
    hits = ["template:site.example", "template:site.example", *[None] * 6]
    row = measure(page, values, hits, load_rules())
    assert (row.site, row.hits, row.taken, row.gold_taken) == ("site.example", 2, 1, 1)
    assert row.gold_tokens == count_tokens(page.blocks[1].text) < row.tokens
    assert row.templated < row.without == 1


def test_flattened_sites_keep_their_pages_in_one_style_each():
    pages = [page_of("ferry"), page_of("post", site="b.example"), page_of("mail")]
    assert by_site(pages) == {"site.example": [0, 2], "b.example": [1]}
    flat = list(flattened_sites(pages))
    assert len(flat) == 2 * templates.STYLES_A_SITE
    assert all(len({(page.site, page.style) for page in site}) == 1 for site in flat)
    assert not any(block.markup for site in flat for page in site for block in page.blocks)


def test_posts_of_an_article_differ_beside_its_lines_only():
    for lang, word in (("en", "ferry"), ("zh", "渡轮")):
        page = page_of(word, lang)
        one, two = (post(page, page.gold.split("\n"), number) for number in (1, 2))
        assert one.source != two.source
        assert {block.text for block in one.blocks} >= set(page.gold.split("\n"))


def test_an_article_posted_beside_others_or_alone_is_no_template(monkeypatch, capsys):
    for name, value in (("ARTICLES", 1), ("POSTS", (5, 12)), ("BESIDE", (0, 5))):
        monkeypatch.setattr(templates, name, value)
    pages = [page_of(word) for word in WORDS] + [page_of(HAN[at : at + 2], "zh") for at in range(0, 12, 2)]
    assert [check_reposts(pages, form, score) for form in templates.MODES] == [0, 0]
    shown = capsys.readouterr().out.split("\n")
    assert all("sites, 0 lines of the article" in line for line in shown if line)
    assert not any(", 0 of the frame" in line for line in shown if "as many" in line)
