"""What a head says of a page's kind and text reaches the model, in both scripts, whatever is in it."""

import numpy as np
import pytest
from growth import linear, repeated
from hypothesis import given
from hypothesis import strategies as st

from pipeline.boilerplate.charstats import char_stats
from pipeline.boilerplate.features import REPEATS, head_marks, repeats
from pipeline.types import PageHead

TEXTS = [
    "Kettles for small kitchens",
    "A kettle of two litres that boils in three minutes.",
    "全国碳市场正式启动交易",
    "首页",
]


def column(head: PageHead, name: str) -> list[float]:
    return np.asarray(repeats(head, char_stats(TEXTS)))[:, REPEATS.index(name)].tolist()


def test_marks_name_types_meta_and_generator_once() -> None:
    head = PageHead(
        meta=(("og:type", "Product"), ("generator", "WordPress 6.4"), ("og:type", "article")),
        json_ld=('{"@type": "Product", "brand": {"@type":"Brand"}}', '{"@type": "Product"}'),
    )
    assert head_marks(head) == [
        "generator:wordpress", "meta:generator", "meta:og:type", "og:product", "type:Brand", "type:Product",
    ]  # fmt: skip


def test_blocks_that_repeat_title_and_description_show_it() -> None:
    head = PageHead(title="全国碳市场正式启动交易 - 某网", meta=(("description", TEXTS[1] + " Buy it."),))
    assert column(head, "pairs_in_title")[2] > 0.5
    assert column(head, "pairs_in_title")[3] == 0
    assert column(head, "in_description")[1] == 1
    assert column(head, "in_description")[0] < 0.5


def test_a_body_in_json_ld_is_found_in_the_blocks_it_holds() -> None:
    body = "Boil &amp; pour. " * 20 + r"A kettle of two litres that boils in three minutes.\n全国碳市场正式启动交易"
    head = PageHead(json_ld=(f'{{"@type":"Article","articleBody":"{body}"}}',))
    told = column(head, "in_body")
    assert told[1] == told[2] == 1
    assert told[3] == 0
    assert column(head, "has_body") == [1.0] * len(TEXTS)


@given(st.builds(PageHead, title=st.text(), meta=st.lists(st.tuples(st.text(), st.text())).map(tuple),
                 json_ld=st.lists(st.text() | st.text().map('{{"text":"{}"}}'.format)).map(tuple)))  # fmt: skip
def test_any_head_gives_finite_shares(head: PageHead) -> None:
    table = repeats(head, char_stats(TEXTS))
    assert table.shape == (len(TEXTS), len(REPEATS))
    assert np.isfinite(table).all()
    assert (table >= 0).all()
    assert head_marks(head) == sorted(set(head_marks(head)))


@pytest.mark.parametrize(
    ("before", "unit", "after"),
    [('"text": "', "\\", ""), ("", '"text":"', ""), ('"@type"', " ", ""), ('"text":"', "<", '"')],
)
def test_long_baits_take_linear_time(before: str, unit: str, after: str) -> None:
    stats = char_stats(TEXTS)

    def read(bait: str) -> None:
        head = PageHead(json_ld=(before + bait + after,))
        head_marks(head), repeats(head, stats)

    assert linear(read, repeated(unit), 100_000)
