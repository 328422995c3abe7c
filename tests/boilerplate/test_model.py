"""The block model: loads fast, says the same twice, tells prose from menus in both scripts."""

from dataclasses import replace

import numpy as np
import pytest
from kernels import as_written, of_one_type

from pipeline.boilerplate import model
from pipeline.boilerplate.features import FEATURES, REPEATS
from pipeline.boilerplate.model import MODEL_ID, load_vocabulary, load_weights, page_inputs, predict, score_blocks
from pipeline.types import Block, BlockKind, Markup, PageHead

EN = [
    "Home | News | About us | Contact",
    "The ministry said on Monday that trading in the national carbon market would be extended to the cement and "
    "steel sectors, and that the first compliance period would end in December next year.",
    "Companies will have to report their emissions every quarter. The data will be checked by third parties, "
    "and those who report late will be fined, according to the rules that were published last week.",
    "Analysts expect that prices will rise as the number of free allowances falls. They pointed to the "
    "experience of other markets, where it took several years before the price had any effect.",
    "Copyright 2024 All rights reserved | Privacy policy | Terms of use",
]
ZH = [
    "首页 | 新闻 | 政策法规 | 联系我们",
    "生态环境部周一表示，全国碳市场将扩大到水泥和钢铁行业，第一个履约期将于明年十二月结束，有关企业应当提前做好准备工作。",
    "企业每个季度都要报告排放数据，数据由第三方机构核查。根据上周公布的办法，没有按时报告的企业将被处以罚款，情节严重的还会被通报。",
    "分析人士认为，随着免费配额的减少，碳价将会上涨。他们提到了其他市场的经验：价格真正起作用往往需要好几年的时间。",
    "版权所有 | 隐私政策 | 网站地图 | 京ICP备00000000号",
]


def flat(texts: list[str]) -> list[Block]:
    return [Block(at, text, BlockKind.PARAGRAPH, 0, len(text), n_breaks=1) for at, text in enumerate(texts)]


def marked(texts: list[str]) -> list[Block]:
    frames = [
        Markup(("body", "div", "nav", "ul", "li", "a"), "page top-nav", 4, len(texts[0]), "navigation"),
        *[Markup(("body", "div", "article", "p"), "page main article-content")] * 3,
        Markup(("body", "div", "footer", "p"), "page footer", 3, 30, "contentinfo"),
    ]
    return [
        Block(at, text, BlockKind.PARAGRAPH, 0, len(text), n_breaks=1, markup=frame)
        for at, (text, frame) in enumerate(zip(texts, frames, strict=True))
    ]


@pytest.mark.parametrize("blocks", [flat(EN), flat(ZH), marked(EN), marked(ZH)], ids=["en", "zh", "en-html", "zh-html"])
def test_prose_scores_above_its_frame(blocks: list[Block]) -> None:
    scores = score_blocks(blocks)
    assert min(scores[1:4]) > 0.6
    assert max(scores[0], scores[4]) < 0.4


def test_one_probability_a_block() -> None:
    scores = score_blocks(flat(EN + ZH))
    assert len(scores) == len(EN + ZH)
    assert all(isinstance(score, float) and 0 <= score <= 1 for score in scores)
    assert score_blocks([]) == []


def test_same_blocks_same_scores() -> None:
    assert score_blocks(marked(ZH)) == score_blocks(marked(ZH))


def test_weights_fit_the_features() -> None:
    load_weights.cache_clear()
    both = [weights for mode in ("markup", "plain") for weights in load_weights(mode)]
    assert all(len(weights.mean) == len(FEATURES) + len(REPEATS) < len(weights.w_block) for weights in both)


def test_weights_are_finite() -> None:
    for mode in ("markup", "plain"):
        for weights in load_weights(mode):
            assert all(np.isfinite(getattr(weights, name)).all() for name in weights.__slots__)


def test_a_page_may_be_long_and_a_block_alone() -> None:
    """Convolutions end at the page's edges, whatever its length."""
    for n in range(1, 20):
        assert len(score_blocks(flat(EN * 4)[:n])) == n


def test_what_stands_far_away_tells_little_of_a_block() -> None:
    page = flat(ZH * 12)
    changed = [*page[:-1], Block(59, "首页 | 登录", BlockKind.PARAGRAPH, 0, 7, n_breaks=1)]
    assert np.abs(np.subtract(score_blocks(page)[:5], score_blocks(changed)[:5])).max() < 0.2


def test_any_head_is_taken() -> None:
    head = PageHead(title="碳市场", meta=(("og:type", "article"), ("no-such-name", "x")), json_ld=('{"@type":',))
    assert len(score_blocks(marked(ZH), head)) == len(ZH)


def test_model_is_named() -> None:
    assert MODEL_ID.startswith("model:")


@pytest.mark.parametrize("texts", [EN, ZH], ids=["en", "zh"])
def test_a_wall_of_navigation_does_not_hide_the_prose_after_it(texts: list[str]) -> None:
    wall = [texts[0] * 20_000, *texts[1:]]
    assert min(score_blocks(marked(wall))[1:4]) > 0.5


def test_what_a_page_says_in_one_structure_is_told_by_the_others_of_that_structure() -> None:
    """A short reply is kept the sooner where the replies beside it are prose."""
    short = "It works, thanks a lot."
    post = Markup(("body", "div", "ul", "li", "div", "p"), "thread posts reply body")
    other = Markup(("body", "div", "ul", "li", "div", "p"), "widget teaser item")
    prose = [Block(at, text, BlockKind.PARAGRAPH, 0, len(text), 1, 2, post) for at, text in enumerate(EN[1:4] * 4)]
    asked = [Block(12, short, BlockKind.PARAGRAPH, 0, len(short), 1, 2, markup) for markup in (post, other)]
    with_kin, alone = (score_blocks([*prose, one])[-1] for one in asked)
    assert with_kin > alone


def test_the_second_network_is_asked_only_where_the_first_is_in_doubt() -> None:
    first, second = load_weights("markup")
    silent = replace(second, b_out=np.float32(-1000))
    for blocks in (marked(EN), marked(ZH)):
        inputs = page_inputs(blocks, PageHead(), load_vocabulary())
        sure = replace(first, w_out=first.w_out * 20, b_out=first.b_out * 20)
        doubtful = replace(first, w_out=first.w_out * 0, b_out=first.b_out * 0)
        assert (predict((sure, silent), inputs) == predict((sure,), inputs)).all()
        assert predict((doubtful, silent), inputs).max() < 0.1


def test_the_compiled_loops_say_what_their_source_says() -> None:
    for blocks, mode in ((marked(EN), "markup"), (flat(ZH * 3), "plain")):
        inputs = page_inputs(blocks, PageHead(), load_vocabulary())
        compiled = predict(load_weights(mode), inputs)
        with as_written(model, "_sum_bags", "_mean_of_kin"):
            assert np.abs(predict(load_weights(mode), inputs) - compiled).max() < 1e-6


def test_means_are_means_and_an_empty_bag_is_nothing() -> None:
    embeddings = np.arange(8, dtype=np.float32).reshape(4, 2)
    bags = model._frozen(3, np.array([0, 0, 2]), np.array([1, 3, 2]), np.array([1, 3, 1], dtype=np.float32))
    expected = [[(2 + 3 * 6) / 4.5, (3 + 3 * 7) / 4.5], [0, 0], [4 / 1.5, 5 / 1.5]]
    assert np.allclose(model._mean_of_bags(embeddings, bags, 0.5), expected)
    hidden, kin = np.array([[1, 2], [3, 6], [5, 5]], dtype=np.float32), np.array([0, 0, 1])
    means = model._mean_of_kin(hidden, kin, 2, np.array([1, 3, 2], dtype=np.float32))
    assert np.allclose(means, [[2.5, 5, 2, 4], [5, 5, 5, 5]])


def test_each_loop_is_compiled_for_one_type_of_arrays() -> None:
    for blocks in (marked(EN), flat(ZH)):
        score_blocks(blocks)
    assert of_one_type(model, "_first_ids", "_sum_bags", "_mean_of_kin")
