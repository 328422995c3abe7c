import base64

import pytest

from pipeline.errors import Reason
from pipeline.text.quality import debris


@pytest.mark.parametrize(
    "text",
    [
        "锟斤拷锟斤拷锟斤拷",
        "烫烫烫烫烫烫烫烫 屯屯屯屯屯",
        "\ufffd\ufffda\ufffd\ufffdb\ufffd",
    ],
)
def test_the_debris_of_a_wrong_charset_is_no_text(text):
    assert debris(text)[0] is Reason.UNDECODABLE


@pytest.mark.parametrize("text", ["!@#$%^&*()_+-=" * 20, "……——。，、；：" * 10, "| - | - |\n" * 5])
def test_signs_without_words_are_no_text(text):
    assert debris(text)[0] is Reason.NO_CONTENT


@pytest.mark.parametrize("text", ["哈" * 9_000, "ha" * 500, "好的！\n" * 300])
def test_a_few_characters_over_and_over_are_no_text(text):
    assert debris(text)[0] is Reason.NO_CONTENT


@pytest.mark.parametrize("encode", [base64.encodebytes, base64.b64encode, bytes.hex])
def test_encoded_bytes_are_no_text(encode):
    encoded = encode(bytes(range(256)) * 20)
    encoded = encoded if isinstance(encoded, str) else encoded.decode()
    assert debris(encoded)[0] is Reason.NO_CONTENT
    assert debris(encoded[:3000] + "\n第一条 为了规范碳排放权交易，制定本办法。" * 500) is None
    assert debris("The key of the server is\n" + encoded[:64] + "\nand will change every year.") is None


@pytest.mark.parametrize(
    "text",
    [
        "锟斤拷是乱码的一种，常见于编码转换出错的网页，本文说明它的由来以及如何避免这种情况的发生。",
        "热水很烫，请小心烫伤。姑屯村位于山脚。",
        "3.14",
        "第一条 为了规范碳排放权交易，制定本办法。",
        "The plan — if there is one — was not shown.",
        "Ответ: да!",
        "a" + "\u0301" * 40 + " b",
        "哈哈哈哈哈哈",
        "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz ist ein langes Wort.",
        "https://example.org/a/long/path/to/some/page/with/many/parts/of/it/and/more.html",
        "हिन्दी में लिखा हुआ एक छोटा वाक्य।",
    ],
)
def test_text_stays_text(text):
    assert debris(text) is None


def test_a_text_under_a_wall_of_letters_is_a_text() -> None:
    wall = "T" * 100_000
    assert debris(wall) is not None
    assert debris(f"{wall}\n" + "The council met on Monday and agreed on a plan for the river. " * 6) is None
    assert debris(f"{wall}\n" + "市政府周一开会，通过了治理河道的方案，有关部门负责人出席了会议。" * 8) is None


def test_letters_and_different_characters_far_from_the_beginning_count():
    """Most texts are told by their first characters; those that begin with signs or one sign are read on."""
    words = "The council met on Monday and agreed on a plan for the river. " * 6
    assert debris("-" * 450 + "\n" + words) is None
    assert debris("=" * 1_500 + "\n" + words) is None
    assert debris("=" * 5_000 + "\n" + words) is not None
