"""Texts of several languages and scripts at once: what they are written in, not what they quote or name."""

import pytest

from pipeline.language import document_language, identify, tag_blocks
from pipeline.types import Block, BlockKind, Decision, Label

CASES = {
    "yue": [
        "我哋尋日去咗離島行山，行到腳都軟晒，不過個景真係好靚。",
        "你食咗飯未呀？唔好成日掛住做嘢喇。",
        "老闆話聽日唔使返工，佢哋就即刻訂咗機票。",
        "我哋寻日去咗离岛行山，佢话下次唔去喇。",
    ],
    "ko": [
        "國民의 權利와 義務는 法律로 定한다.",
        "學校에서 漢字를 배우는 學生이 漸次 줄고 있다.",
        "大統領은 國務會議의 議長이 된다.",
    ],
    "zh-Hans": [
        "先用 docker build 打一个 image，然后 push 到 registry，最后在 server 上 pull 下来。",
        "Nora Adler 的新书 A House Without Stairs 昨天发售，读者在 Goodreads 上打了高分。",
        "MacBook Air 和 Surface Laptop 哪个的 keyboard 更适合 coding？",
        "作家張曉風的散文《地毯的那一端》在这里一直很受读者欢迎，今年又印了两次。",
        "他翻开《臺灣通史》的序言，读了两遍，然后把书还给了图书馆。",
        "这部动画叫 となりの山田くん，是很多人的童年回忆。",
        "首尔（서울）是这个国家的首都，也是最大的城市。",
        "他用韩文写了서울两个字，大家都看不懂。",
    ],
    "zh-Hant": [
        "先用 docker build 打包 image，然後 push 到 registry，最後在 server 上面 pull 下來。",
        "他說「唔該」是廣東話的謝謝，很多遊客到香港都會學這一句話，然後才去逛街和吃飯。",
        "這份內地出版的《人民日报》報導了會議，記者在現場訪問了幾位代表，談了兩個鐘頭。",
        "經濟觀察",
    ],
    "en": [
        "Ban User(s)", "Delete item(s)", "Home", "Sign up", "About us", "Terms of use",
        "The character 的 is by far the most common one in written Chinese.",
        "The mayor of Kaohsiung (高雄) opened the new harbour line on Friday.",
    ],
    "ja": [
        "習近平国家主席は昨日北京で記者会見を行った。",
        "新しい MacBook Air が発売され、店の前に長い列ができた。",
        "この歌の名前は青花瓷です。",
    ],
    "und": ["total(items, 5);", "ls -la /var/log", "user.save(); return None;"],
}  # fmt: skip


@pytest.mark.parametrize(("lang", "text"), [(lang, text) for lang, texts in CASES.items() for text in texts])
def test_a_text_is_in_the_language_that_it_is_written_in(lang: str, text: str) -> None:
    assert identify(text).lang == lang


def tagged(lines: list[str]) -> tuple[list[str], str]:
    blocks = [Block(at, line, BlockKind.PARAGRAPH, 0, len(line)) for at, line in enumerate(lines)]
    decisions = [Decision(Label.CONTENT, "test", 1.0)] * len(lines)
    guesses = tag_blocks(blocks, decisions)
    return [guess.lang for guess in guesses], document_language(blocks, decisions, guesses).lang


JAPANESE = [
    "港の北側の桟橋は先週の火曜日に再び開き、三隻の漁船が日の出前に着いた。",
    "作業員は泥を取り除き、沖合の決められた場所に捨てたという。",
]
CANTONESE = ["我哋琴日喺碼頭等咗成個鐘，隻船都未返到嚟。", "船家話個海太大浪，佢唔敢開船。"]


def test_headlines_of_kanji_are_japanese_in_a_japanese_page_however_far_away() -> None:
    lines = ["港湾再開", *["漁業組合総会"] * 20, *JAPANESE]
    languages, document = tagged(lines)
    assert set(languages) == {"ja"}
    assert document == "ja"


@pytest.mark.parametrize("line", ["經濟觀察", "臺灣總統選舉", "图书馆搬家", "國際關係學會"])
def test_letters_that_japanese_does_not_use_are_never_japanese(line: str) -> None:
    languages, _ = tagged([JAPANESE[0], line, JAPANESE[1]])
    assert languages[0] == languages[2] == "ja"
    assert languages[1].startswith("zh-")


def test_blocks_and_document_of_cantonese_are_cantonese_among_a_few_lines_of_other_chinese() -> None:
    languages, document = tagged([*CANTONESE, "天文台今日發出大風警告，市民請留在室內。"])
    assert languages == ["yue", "yue", "zh-Hant"]
    assert document == "yue"


def test_a_quotation_in_cantonese_does_not_make_a_report_cantonese() -> None:
    lines = [
        "議員在會上表示，政府應當儘快公布碼頭的維修計劃。",
        "會後他用一句「我哋唔會放棄」回答了在場記者的提問，然後離開了會場，沒有再接受訪問。",
    ]
    languages, document = tagged(lines)
    assert languages == ["zh-Hant", "zh-Hant"]
    assert document == "zh-Hant"
