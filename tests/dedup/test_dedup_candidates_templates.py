"""One template filled in twice is two documents; one text edited, framed, cut or renamed is one."""

import random
from collections.abc import Sequence

import pytest
from growth import linear, repeated
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.candidates import is_template
from pipeline.dedup.clusters import find_duplicates, make_index
from pipeline.dedup.signature import sign

PERMIT = (
    "经审查，{who}申请在{place}开办{shop}的材料齐全，符合食品经营许可管理办法的有关规定，决定准予许可，并发给许可证，有效期五年。"
    "{who}应当在显著位置悬挂许可证正本，按照核定的范围经营，接受所在地监督管理部门的检查，变更事项应当在十日以内申请办理。"
)
LOST = (
    "The library of {town} has found a book that was lent in {year} and never came back. It was brought to the desk by {who}, "
    "whose {kin} had kept it in a drawer. The fine would have bought a new roof, said {who}, but the library asked for nothing "
    "and put the book on show near the door, where it may be seen until the end of the summer holidays."
)
TERMS = (
    "根据章程，第{nth}届理事会由{who}担任会长，任期自{begin}年至{end}年。会长主持理事会的日常工作，召集并主持会议，检查决议的落实情况，"
    "代表本会签署重要文件；会长因故不能履行职责的时候，由副会长代为主持，理事会每季度召开一次，三分之二以上理事出席方能召开。"
)
PAIRS = [
    (PERMIT, {"who": "孙长友", "place": "青石桥西街", "shop": "面馆"}, {"who": "吕玉兰", "place": "柳林路口", "shop": "豆腐坊"}),
    (PERMIT.replace("经审查", "經審查").replace("申请", "申請"), {"who": "孫長友", "place": "青石橋西街", "shop": "麵館"},
     {"who": "呂玉蘭", "place": "柳林路口", "shop": "豆腐坊"}),
    (LOST, {"town": "Ostrava", "year": "1931", "who": "Miss Adler", "kin": "great-aunt"},
     {"town": "Lund", "year": "1954", "who": "Mr Forsberg", "kin": "late father"}),
    (TERMS, {"nth": "三", "who": "何长青", "begin": "二〇〇八", "end": "二〇一三"},
     {"nth": "五", "who": "尤文斌", "begin": "二〇一八", "end": "二〇二三"}),
]  # fmt: skip
ARTICLES = {
    "zh": (
        "跨河的老木桥昨天拆除，桥上的最后一块板由守桥的老人取下。这座桥用了六十多年，两岸的孩子都从上面走过去上学。\n"
        "新的石拱桥在下游一百米的地方，桥面宽了一倍，汽车可以对开。施工队为了不惊动鱼群，整个夏天没有在水里打桩。\n"
        "镇上打算把旧桥的木料做成长椅，摆在两头的树荫下面，椅背上刻着捐款修桥的人的名字，一共二百一十三位。"
    ),
    "en": (
        "The old timber bridge over the river was taken down yesterday, and its last plank was lifted by the man who had kept it. "
        "It had served for more than sixty years, and every child of both banks had crossed it to school.\n"
        "The new stone bridge stands a hundred metres downstream. It is twice as wide, so that two carts can pass, and no pile was "
        "driven all summer, for the sake of the salmon.\n"
        "The town means to make benches of the old planks and to carve into them the names of all who once paid for the bridge."
    ),
}
MORE = {
    "zh": "另据了解，桥头的茶摊也会保留下来，由原来的摊主继续经营。",
    "en": "The tea stall at the bridge will stay as well, under the same owner.",
}
FRAMES = {
    "zh": ("（原标题：木桥退役）\n晚报讯 记者白帆 ", "\n责任编辑：苏和\n本文来自网络，不代表本站的观点。"),
    "en": ("Reposted from the Evening Courier by the desk\n", "\nShare this story with your friends. Photo: archive."),
}


def left_out(texts: Sequence[tuple[str, str]]) -> set[int]:
    """Which of the texts, each with its title before it, are duplicates."""
    signatures = [sign(text, title=title) for title, text in texts]
    found = find_duplicates(
        make_index([f"{at:03d}" for at in range(len(texts))], signatures),
        lambda rows: [signatures[row].shingles for row in rows],
        load_sequences=lambda rows: [signatures[row].sequence for row in rows],
    )
    return {one.row for one in found}


@pytest.mark.parametrize(("template", "one", "other"), PAIRS)
def test_a_template_filled_in_for_another_person_place_or_thing_is_another_document(
    template: str, one: dict[str, str], other: dict[str, str]
) -> None:
    left, right = (template.format(**fillings) for fillings in (one, other))
    assert is_template(sign(left).sequence, sign(right).sequence)
    assert is_template(sign(right).sequence, sign(left).sequence)
    assert left_out([("", left), ("", right)]) == set()
    before, after = FRAMES["en" if left.isascii() else "zh"]
    assert len(left_out([("", left), ("", right), ("", f"{before}{left}{after}")])) == 1


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("name", ["frame", "cut", "headline", "paragraph", "typo"])
def test_a_repost_is_one_document(lang: str, name: str) -> None:
    text = ARTICLES[lang]
    before, after = FRAMES[lang]
    title = "木桥拆除" if lang == "zh" else "Bridge taken down"
    copies = {
        "frame": (title, f"{before}{text}{after}"),
        "cut": (title, text[: len(text) * 4 // 5]),
        "headline": ("六十年老桥昨日告别两岸" if lang == "zh" else "Farewell to sixty years of planks", text),
        "paragraph": (title, text.replace("\n", f"\n{MORE[lang]}\n", 1)),
        "typo": (title, text.replace("老人", "老入").replace("施工队", "施工对").replace("salmon", "samlon").replace("benches", "benchs")),
    }  # fmt: skip
    assert left_out([(title, text), copies[name]]) in ({0}, {1})


@given(st.integers(0, 10**6), st.sampled_from(["zh", "en"]))
@settings(max_examples=60, deadline=None)
def test_tokens_changed_one_by_one_make_no_template(seed: int, lang: str) -> None:
    rng = random.Random(seed)
    words = list(ARTICLES[lang]) if lang == "zh" else ARTICLES[lang].split(" ")
    changed = [rng.choice("的和与同") if lang == "zh" else "other"] * len(words)
    every = rng.randint(12, 30)
    text = ("" if lang == "zh" else " ").join(
        change if at % every == 5 and word.isalpha() else word
        for at, (word, change) in enumerate(zip(words, changed, strict=True))
    )
    assert not is_template(sign(ARTICLES[lang]).sequence, sign(text).sequence)


@given(st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_what_is_left_out_of_templates_and_reposts_does_not_depend_on_order(shuffler: random.Random) -> None:
    texts = [template.format(**one) for template, *fillings in PAIRS for one in fillings]
    texts += [FRAMES["zh"][0] + texts[0], texts[4] + FRAMES["en"][1], ARTICLES["zh"], ARTICLES["zh"] + FRAMES["zh"][1]]
    named = [(f"{at}", text) for at, text in enumerate(texts)]
    expected = {texts[row] for row in left_out([("", text) for _, text in named])}
    signatures = {name: sign(text) for name, text in named}
    shuffler.shuffle(named)
    found = find_duplicates(
        make_index([f"{int(name):03d}" for name, _ in named], [signatures[name] for name, _ in named]),
        lambda rows: [signatures[named[row][0]].shingles for row in rows],
        load_sequences=lambda rows: [signatures[named[row][0]].sequence for row in rows],
    )
    assert {named[one.row][1] for one in found} == expected


@pytest.mark.parametrize("text", ["", "碳", "one two", "一二三" * 40, "a b c " * 40])
def test_any_sequence_is_no_template_of_itself(text: str) -> None:
    sequence = sign(text, title=text[:50]).sequence
    assert not is_template(sequence, sequence)


@pytest.mark.parametrize("unit", ["一二三", "a b c ", PERMIT, LOST])
def test_aligning_takes_linear_time(unit: str) -> None:
    assert linear(lambda text: is_template(sign(text).sequence, sign("x " + text).sequence), repeated(unit), 100_000)
