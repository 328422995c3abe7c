import random
import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pytest
from growth import linear
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.boilerplate.templates import (
    LINES_SCHEMA,
    NO_LETTERS,
    TEMPLATES_SCHEMA,
    index_templates,
    learn_templates,
    line_key,
    line_keys,
    match_templates,
    neighbours,
)
from pipeline.text.tokens import count_tokens
from pipeline.types import Block, BlockKind

HEAD = ["首页 新闻 政策 数据 关于我们", "Home  News  Policy  Data", "您当前的位置：首页 > 新闻"]
FOOT = ["打印本页 关闭窗口", "版权所有 © 2024 某某环境网", "京ICP备05012345号-7", "Contact us"]
HAN = "碳市场交易配额排放企业核查报告登记结算价格气候政策能源转型绿色发展目标行动方案规则试点监管数据质量"


def blocks(lines: Sequence[str]) -> list[Block]:
    return [Block(at, line, BlockKind.PARAGRAPH, 0, 0) for at, line in enumerate(lines)]


def body(seed: int, n: int = 4) -> list[str]:
    rng = random.Random(seed)
    han = ["".join(rng.choices(HAN, k=50)) + "。" for _ in range(n - 1)]
    return [*han, " ".join("".join(rng.choices("abcdefghij", k=6)) for _ in range(30)) + "."]


def table(documents: Mapping[str, Sequence[str]], site: str | None = "example.org") -> pa.Table:
    """Rows as a run makes them; lines that end a sentence score as content."""
    rows = []
    for doc_id, lines in documents.items():
        keys = line_keys(blocks(lines))
        for at, (line, key, before, after) in enumerate(zip(lines, keys, *neighbours(keys), strict=True)):
            score = 0.95 if line.endswith((".", "。")) else 0.1
            text = "\n".join(lines)
            rows.append((site, doc_id, text, int(key), int(before), int(after), count_tokens(line), score, at))
    columns = zip(*rows, strict=True) if rows else [[] for _ in LINES_SCHEMA]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, LINES_SCHEMA, strict=True)], schema=LINES_SCHEMA)


def learned(rows: pa.Table, lines: Sequence[str], site: str = "example.org", **options: float) -> list[str]:
    """Those of the lines that are learned."""
    hits = match_templates(learn_templates(rows, **options), site, line_keys(blocks(lines)))
    assert set(hits) <= {None, f"template:{site}"}
    return [line for line, hit in zip(lines, hits, strict=True) if hit]


def site_of(n: int, start: int = 0) -> dict[str, list[str]]:
    return {f"d{at}": [*HEAD, *body(at), *FOOT] for at in range(start, start + n)}


def test_a_key_ignores_digits_case_and_spaces_and_nothing_else() -> None:
    same = ["阅读 12 次", "阅读  3456 次", "阅读\u00a0７ 次"]
    assert len(set(line_keys(blocks(same)).tolist())) == 1
    other = ["阅读 12 次", "阅 读 12 次", "阅读 次", "Read 12", "read12", "read: 12"]
    assert len(set(line_keys(blocks(other)).tolist())) == len(other)
    assert len(set(line_keys(blocks(["Read 1", "READ 2"])).tolist())) == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=8))
def test_keys_are_one_a_block_and_never_those_reserved(lines: list[str]) -> None:
    keys = line_keys(blocks(lines))
    assert keys.dtype == np.uint64 and len(keys) == len(lines)
    before, after = neighbours(keys)
    assert before.tolist() == [0, *keys.tolist()][: len(keys)]
    assert after.tolist() == [*keys.tolist()[1:], 0][: len(keys)]
    for line, key in zip(lines, keys.tolist(), strict=True):
        assert (key == NO_LETTERS) == (not any(char.isalpha() for char in line)) or key > NO_LETTERS


@given(st.lists(st.text(min_size=1, max_size=30) | st.sampled_from(["第１２ 页 34", "ΟΔΟΣ\n1000", "a  00 b", "٣٤ x"])))
def test_a_key_is_that_of_the_line_alone_and_of_its_collapsed_text(lines: list[str]) -> None:
    def alone(text: str) -> int:
        if not re.search(r"[^\W\d_]", text):
            return 1
        plain = re.sub(r"\d+", "0", " ".join(text.split()).lower()).encode("utf-8", "surrogatepass")
        return max(int.from_bytes(blake2b(plain, digest_size=8).digest(), "little"), 2)

    assert line_keys(blocks(lines)).tolist() == [alone(line) for line in lines] == [line_key(line) for line in lines]


def test_the_frame_is_learned_and_the_bodies_are_not() -> None:
    documents = site_of(12)
    assert learned(table(documents), [*HEAD, *body(3), *FOOT]) == [*HEAD, *FOOT]
    result = learn_templates(table(documents))
    assert result.schema == TEMPLATES_SCHEMA
    assert set(zip(result["n_documents"].to_pylist(), result["n_site_documents"].to_pylist(), strict=True)) == {
        (12, 12)
    }
    assert set(result["share"].to_pylist()) == {1.0}


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(4, 14))
def test_order_of_rows_does_not_matter(shuffler: random.Random, n: int) -> None:
    rows = pa.concat_tables([table(site_of(n)), table(site_of(n, start=100), site="例子.中国")])
    order = list(range(len(rows)))
    shuffler.shuffle(order)
    assert learn_templates(rows.take(pa.array(order))).equals(learn_templates(rows))


def test_sites_are_learned_apart() -> None:
    rows = table(site_of(10), site="a.org")
    other = table({f"e{at}": body(at + 50) for at in range(10)}, site="b.org")
    assert learn_templates(pa.concat_tables([rows, other])).equals(learn_templates(rows))
    assert learned(pa.concat_tables([rows, other]), FOOT, site="b.org") == []


def test_documents_of_no_site_are_not_learned() -> None:
    assert learn_templates(table(site_of(10), site=None)).num_rows == 0
    assert learn_templates(LINES_SCHEMA.empty_table()).equals(TEMPLATES_SCHEMA.empty_table())


@pytest.mark.parametrize("n", [1, 3])
def test_few_documents_teach_nothing(n: int) -> None:
    assert learn_templates(table(site_of(n))).num_rows == 0


def test_a_line_of_few_documents_of_a_large_site_is_not_learned() -> None:
    documents = {name: lines + (["编后语"] if at < 4 else []) for at, (name, lines) in enumerate(site_of(40).items())}
    assert learned(table(documents), ["编后语", *FOOT]) == FOOT
    assert learned(table(documents), ["编后语"], min_share=0.05) == ["编后语"]


def test_copies_of_a_document_count_once() -> None:
    one = next(iter(site_of(1).values()))
    assert learn_templates(table({f"d{at}": one for at in range(9)})).num_rows == 0


def test_an_article_posted_again_and_again_is_not_learned() -> None:
    article = body(99, n=12)
    reposts = {f"r{at}": [*HEAD, f"相关阅读 {HAN[at]}", *article, *FOOT] for at in range(8)}
    assert learned(table(site_of(8) | reposts), [*HEAD, *article, *FOOT]) == [*HEAD, *FOOT]


def test_an_article_posted_again_and_again_alone_on_its_site_is_not_learned() -> None:
    article = body(99, n=12)
    reposts = {f"r{at}": [*HEAD, f"相关阅读 {HAN[at]}", *article, *FOOT] for at in range(8)}
    assert not set(learned(table(reposts), article))


NAMES = {
    "en": ("ferry", "harbour", "tram", "museum", "market", "bridge"),
    "zh": ("渡轮", "海港", "电车", "博物馆", "集市", "大桥"),
}
RELATED = {"en": "Related: the {} and the {} this week", "zh": "相关阅读：本周的{}与{}"}


def story(lang: str, seed: int, n: int) -> list[str]:
    """An article of ``n`` paragraphs."""
    rng = random.Random(seed)
    if lang == "zh":
        return ["".join(rng.choices(HAN, k=40)) + "。" for _ in range(n)]
    return [" ".join("".join(rng.choices("abcdefghij", k=5)) for _ in range(20)) + "." for _ in range(n)]


def posts(lang: str, article: Sequence[str], times: int, *, cut: bool) -> dict[str, list[str]]:
    """The article in the frame, each time over another related story, and if ``cut`` without one of its paragraphs."""
    found = {}
    for at in range(times):
        names = NAMES[lang][at % 6], NAMES[lang][at // 6 % 6] + "甲乙丙丁"[at // 36 % 4]
        lines = [line for number, line in enumerate(article) if not cut or number != at % len(article)]
        found[f"{lang}{article[0]}{at}"] = [*HEAD, *lines, RELATED[lang].format(*names), *FOOT]
    return found


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["en", "zh"]), st.integers(3, 12), st.integers(1, 90), st.integers(0, 12), st.booleans())
def test_no_number_of_posts_makes_an_article_a_template(lang: str, n: int, times: int, others: int, cut: bool) -> None:
    article = story(lang, 7, n)
    rows = table(site_of(others) | posts(lang, article, times, cut=cut))
    assert not set(learned(rows, article))
    if others >= 4:
        assert learned(rows, FOOT) == FOOT


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_site_that_posts_each_article_several_times_still_has_a_frame(lang: str) -> None:
    articles = [story(lang, seed, 6) for seed in range(8)]
    documents = {name: lines for one in articles for name, lines in posts(lang, one, 6, cut=False).items()}
    assert learned(table(documents), [*HEAD, *articles[0], *FOOT]) == [*HEAD, *FOOT]


def test_bulletins_that_differ_in_figures_are_one_document() -> None:
    form = [
        "昨日全国碳市场综合价格行情为：开盘价{}元/吨，最高价{}元/吨，收盘价{}元/吨。",
        "挂牌协议交易成交量{}吨，成交额{}元。",
    ]
    bulletins = {f"b{at}": [*HEAD, *(line.replace("{}", str(at * 37 + 11)) for line in form), *FOOT] for at in range(9)}
    for documents in (bulletins, site_of(9) | bulletins):
        assert not set(learned(table(documents), form))


def test_prose_needs_more_documents_than_a_menu() -> None:
    statement = "本网转载的文章版权归原作者所有，如有侵权请及时与我们联系，我们将在核实后尽快予以删除，谢谢合作。"
    few = {name: [*lines, statement] if at < 6 else lines for at, (name, lines) in enumerate(site_of(16).items())}
    many = {name: [*lines, statement] if at < 12 else lines for at, (name, lines) in enumerate(site_of(16).items())}
    assert learned(table(few), [statement]) == []
    assert learned(table(many), [statement]) == [statement]


def test_a_line_inside_a_frame_that_differs_between_documents_is_learned() -> None:
    documents = {
        name: [*HEAD, f"栏目{'甲乙丙丁戊己'[at % 6]}", "字号：大 中 小", *body(at), *FOOT]
        for at, name in enumerate(site_of(18))
    }
    assert learned(table(documents), ["字号：大 中 小"]) == ["字号：大 中 小"]


def test_figures_alone_are_never_learned() -> None:
    documents = {name: ["1", "2024-05-06", *lines, "12.5 %"] for name, lines in site_of(9).items()}
    assert learned(table(documents), ["1", "2024-05-06", "12.5 %", *FOOT]) == FOOT


def test_matching_by_table_and_by_index_agree() -> None:
    templates = learn_templates(table(site_of(9)))
    keys = line_keys(blocks([*HEAD, *body(1)]))
    for site in ("example.org", "other.org", None):
        expected = match_templates(templates, site, keys)
        assert match_templates(index_templates(templates), site, keys) == expected
        assert match_templates(templates, site, keys.tolist()) == expected
    assert match_templates(templates, "example.org", []) == []


def many_lines(n: int) -> pa.Table:
    """Sixty lines of each of so many pages of five sites, ten of them the site's own."""
    rng, width, n = np.random.default_rng(0), 60, n // 5 * 5
    keys = rng.integers(2, 2**64, (n, width), dtype=np.uint64)
    keys[:, :10] = keys[np.arange(n) % 5, :10]
    doc = [f"d{at}" for at in np.repeat(np.arange(n), width)]
    edge = np.zeros((n, 1), np.uint64)
    columns = {
        "site": [f"s{at}.org" for at in np.repeat(np.arange(n) % 5, width)],
        "doc_id": doc,
        "text_sha256": doc,
        "key": keys.ravel(),
        "prev_key": np.hstack([edge, keys[:, :-1]]).ravel(),
        "next_key": np.hstack([keys[:, 1:], edge]).ravel(),
        "n_tokens": np.full(n * width, 10, np.int32),
        "score": np.full(n * width, 0.2),
        "ordinal": np.tile(np.arange(width, dtype=np.int32), n),
    }
    return pa.table(columns, schema=LINES_SCHEMA)


def test_many_lines_are_learned_in_linear_time() -> None:
    assert learn_templates(many_lines(2000)).num_rows == 50
    assert linear(learn_templates, many_lines, 2000)


def test_a_subheading_that_recurs_amid_the_text_is_not_learned() -> None:
    def page(at: int) -> list[str]:
        return [*HEAD, *body(at)[:2], "背景与说明", *body(at)[2:], *FOOT]

    documents = {f"d{at}": page(at) for at in range(16)}
    assert learned(table(documents), ["背景与说明", *FOOT]) == FOOT


def test_what_looks_like_chaff_is_learned_amid_the_text_too() -> None:
    def page(at: int) -> list[str]:
        return [*HEAD, *body(at)[:2], "下载客户端", *body(at)[2:], *FOOT]

    rows = table({f"d{at}": page(at) for at in range(16)})
    score = pa.array([0.01 if low < 0.5 else low for low in rows["score"].to_pylist()])
    rows = rows.set_column(rows.schema.get_field_index("score"), "score", score)
    assert learned(rows, ["下载客户端"]) == ["下载客户端"]
