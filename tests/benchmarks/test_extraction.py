"""What the benchmark of clean text counts: words, lines, intervals, kept answers, decodings, folds."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.extraction import Row, case_of, read_rows
from benchmarks.extraction_decoding import Stored, is_wrong, share_found, written_anew
from benchmarks.extraction_ours import decided, fold_scores, template_hits
from benchmarks.extraction_peers import Peer, answers, timed
from benchmarks.extraction_tables import (
    RESAMPLES,
    Case,
    Output,
    bootstrap,
    is_sentence_line,
    line_f1,
    measure_all,
    print_groups,
    print_tools,
    print_worst,
    rows_of,
    word_f1,
)
from benchmarks.fold_weights import write_folds
from benchmarks.labelled_pages import FOLDS, Page
from pipeline.boilerplate.model import load_weights
from pipeline.boilerplate.rules import load_rules
from pipeline.extract import extract

ENGLISH = "The ferry to the island was late again. Nobody on the pier had been told why."
CHINESE = "渡轮今天又晚点了，码头上没有人知道原因。岛上的学校因此推迟了一个小时上课。"
TEXTS = st.text(alphabet="ab1 _\n碳市场，。é", max_size=40)


@settings(deadline=None, max_examples=50)
@given(TEXTS, TEXTS)
def test_word_f1_lies_between_0_and_1_and_takes_no_side(one, two):
    assert 0 <= word_f1(one, two) <= 1
    assert word_f1(one, two) == word_f1(two, one)
    assert word_f1(one, one) == 1


@settings(deadline=None, max_examples=50)
@given(TEXTS.filter(str.strip))
def test_word_f1_does_not_mind_order_or_lines(text):
    lines = text.split()
    assert word_f1("\n".join(reversed(lines)), " ".join(lines)) == 1


def test_word_f1_counts_chinese_by_the_character_and_repeated_words_as_often():
    assert word_f1("碳市场启动", "碳市场") == pytest.approx(2 * 3 / 8)
    assert word_f1("no no no", "no") == pytest.approx(0.5)
    assert word_f1("", "text") == 0


@settings(deadline=None, max_examples=50)
@given(st.lists(st.booleans(), max_size=12))
def test_line_f1_is_one_for_the_wanted_lines_and_nothing_for_the_others(wanted):
    assert line_f1(wanted, wanted) == 1
    assert line_f1([not one for one in wanted], wanted) == (0 if wanted else 1)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_an_interval_holds_its_mean_and_is_the_same_every_time(values):
    names = [str(at) for at in range(len(values))]
    found = bootstrap(np.array(values), names)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert found.mean == pytest.approx(np.mean(values))
    assert found == bootstrap(np.array(values), names)


def test_forms_of_a_page_are_drawn_together():
    values = np.random.default_rng(0).random(20)
    one_each, three_each = np.arange(20).astype(str), np.repeat(np.arange(20), 3).astype(str)
    alone, tripled = bootstrap(values, one_each), bootstrap(np.repeat(values, 3), three_each)
    assert (tripled.low, tripled.high) == pytest.approx((alone.low, alone.high))


def test_a_95_percent_interval_has_the_width_of_the_normal_one():
    values = np.random.default_rng(1).random(400)
    found = bootstrap(values, np.arange(400).astype(str))
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.15)
    assert RESAMPLES >= 1000


def cases():
    return [
        Case("one", ("all", "lang en"), ENGLISH, (True, False)),
        Case("two", ("all", "lang zh"), CHINESE, (True, True)),
    ]


def test_tables_show_each_group_and_the_lead_of_the_first_tool(capsys):
    right = measure_all(cases(), [Output(ENGLISH, (True, False), 0.002), Output(CHINESE, (True, True), 0.004)])
    wrong = measure_all(cases(), [Output("", (False, True)), Output(CHINESE, (True, False))])
    assert list(rows_of(cases())) == ["all", "lang en", "lang zh"]
    print_groups("4-gram F1", cases(), {"ours": right, "theirs": wrong}, against="theirs")
    print_tools("all", cases(), {"ours": right, "theirs": wrong}, figures=("word F1", "line F1"))
    print_worst(cases(), {"theirs": wrong, "ours": right}, number=1)
    shown = capsys.readouterr().out.split("\n")
    assert "1.000 [1.000-1.000]  +0.500 [+0.000 +1.000]" in next(line for line in shown if line.startswith("all "))
    assert next(line for line in shown if line.startswith("theirs")).split()[-2:] == ["1", "1"]  # bad, empty
    assert next(line for line in shown if line.startswith("ours")).split()[-1] == "3.0"  # ms a page
    assert shown[-2] == "empty: one"


def test_answers_are_kept_and_asked_once_for_each_text_version_and_option(tmp_path):
    asked = []

    def run(html, lang):
        asked.append(html)
        return html.upper(), 0.5

    first = Peer("tool", "1.0", {}, run)
    pages = [("p", "<p>渡轮", "zh"), ("q", "<p>b", "en")]
    assert [one.text for one in answers(first, pages, tmp_path)] == ["<P>渡轮", "<P>B"]
    n_asked = len(asked)
    assert [one.seconds for one in answers(first, pages, tmp_path)] == [0.5, 0.5]
    assert len(asked) == n_asked
    answers(first, [("p", "<p>changed", "zh")], tmp_path)
    assert asked[-1] == "<p>changed"
    others = [Peer("tool", "1.1", {}, run), Peer("tool", "1.0", {"option": True}, run)]
    assert len({one.key for one in [first, *others]}) == 3


def test_a_torn_line_of_kept_answers_is_asked_again(tmp_path):
    peer = Peer("tool", "1.0", {}, lambda html, lang: (html, 0.1))
    answers(peer, [("p", "one", "en"), ("q", "two", "en")], tmp_path)
    path = tmp_path / f"{peer.key}.jsonl"
    path.write_text(path.read_text("utf-8")[:-9], "utf-8")
    assert [one.text for one in answers(peer, [("p", "one", "en"), ("q", "two", "en")], tmp_path)] == ["one", "two"]
    assert [one.text for one in answers(peer, [("q", "two", "en")], tmp_path)] == ["two"]


def test_a_peer_that_raises_found_nothing():
    text, seconds = timed(lambda html, lang: html[99])("short", "en")
    assert text == "" and seconds >= 0


def test_a_wrong_decoding_is_one_that_another_charset_betters():
    page = Stored("p", "zh", f"<p>{CHINESE}</p>".encode("gb18030"), CHINESE)
    right, wrong = page.content.decode("gb18030"), page.content.decode("cp1252", "replace")
    assert share_found(right, CHINESE) == 1 and not is_wrong(page, right)
    assert share_found(wrong, CHINESE) == 0 and is_wrong(page, wrong)
    missing = Stored("q", "zh", b"<p>only ASCII</p>", CHINESE)
    assert not is_wrong(missing, "<p>only ASCII</p>")  # the text is in no reading of the page
    assert share_found("caf&eacute;", "café") == 1


def test_a_page_is_written_anew_in_a_charset_that_has_its_letters():
    page = Stored("p", "zh", f'<meta charset="utf-8"><p>{CHINESE} 😀</p>'.encode(), CHINESE)
    anew = dict(written_anew(page, "gbk"))
    assert set(anew) == {"truly", "not", "as utf-8"}
    assert b"charset=gbk" in anew["truly"].content and b"charset" not in anew["not"].content
    for one in anew.values():
        assert share_found(one.content.decode("gbk"), CHINESE) == 1
    assert not list(written_anew(page, "shift_jis"))


def test_c4_keeps_lines_that_end_like_sentences():
    assert is_sentence_line("The price rose again on Monday.") and is_sentence_line("渡轮又晚点了。")
    assert (
        not is_sentence_line("Home | News | About")
        and not is_sentence_line("责任编辑：张三")
        and not is_sentence_line("No.")
    )


def page_of(text, site):
    menu = "<ul><li><a href=/>Home</a></li><li><a href=/a>About us</a></li></ul>"
    blocks = extract(f"<body>{menu}<h1>Late ferry</h1>" + f"<p>{text}</p>" * 3 + "</body>", "text/html").blocks
    return Page("set", "en", site, text, "", "html", blocks, (0.0,) * len(blocks))


def test_each_page_is_scored_by_the_network_that_has_not_seen_its_brand(tmp_path):
    quiet = [replace(one, b_out=np.float32(-1000)) for one in load_weights("markup")]
    pages = [page_of(ENGLISH, f"www.site{n}.example") for n in range(6)]
    unseen = pages[0].fold
    networks = [load_weights("markup") if fold == unseen else quiet for fold in range(FOLDS)]
    write_folds({"markup": networks}, tmp_path / "folds.npz")
    scores = fold_scores(pages, tmp_path / "folds.npz", mode="markup")
    assert {page.fold for page in pages} != {unseen}
    for page, score in zip(pages, scores, strict=True):
        assert len(score) == len(page.blocks)
        assert (score.max() > 0.001) == (page.fold == unseen)


def test_templates_are_learned_from_all_pages_of_a_site_and_of_no_other():
    stories = [
        f"The {word} of the island was late again and nobody knew why." for word in "ferry post mail boat bus".split()
    ]
    pages = [page_of(text, "www.site.example") for text in stories] + [page_of(ENGLISH, "other.example")]
    hits = template_hits(pages, [np.full(len(page.blocks), 0.02, np.float32) for page in pages])
    assert all(hits[at][0] == "template:site.example" for at in range(len(stories)))
    assert not any(hits[-1])


def test_rules_take_what_the_scores_would_keep_and_the_title_is_left_out():
    html = f"<body><h1>渡轮晚点</h1><p>{CHINESE}</p><p>责任编辑：王小明</p></body>"
    blocks = extract(html, "text/html").blocks
    alone = decided(blocks, [0.05, 0.9, 0.9], rules=None, site="site.example")
    ruled = decided(blocks, [0.05, 0.9, 0.9], rules=load_rules(), site="site.example")
    assert alone.text.split("\n") == [CHINESE, "责任编辑：王小明"]
    assert ruled.text == CHINESE and ruled.kept == (False, True, False)


def test_groups_come_from_set_language_and_type(tmp_path):
    line = '{"page": "pages/a.html.gz", "set": "magic_forum", "lang": "zh", "site": "s", "gold": "g"}\n'
    (tmp_path / "gold.jsonl").write_text(line, "utf-8")
    (row,) = read_rows(tmp_path, None)
    page = SimpleNamespace(style="html", gold="g", shares=())
    assert row == Row("a", "pages/a.html.gz", "magic_forum", "zh", "forum", "s", "g")
    assert case_of(row, page).groups == ("all", "lang zh", "type forum", "zh, forum", "set magic_forum zh")
    (tmp_path / "types.tsv").write_text("a\tproduct\n", "utf-8")
    assert read_rows(tmp_path, tmp_path / "types.tsv")[0].type == "product"
