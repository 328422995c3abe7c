"""What a page hides from its readers is a block of its own, never spliced into words; what a script shows is not hidden."""

import pytest
from growth import linear, repeated
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extract import extract
from pipeline.extract.styles import aspects
from pipeline.types import Block

EN = ("The ferry to the outer islands sails again from Friday, after a winter in the dry dock at Harle. ",
      "Its new engine burns a third less oil, and the crew can now see the car deck from the bridge. ")  # fmt: skip
ZH = (
    "开往外岛的渡轮在干船坞里停了一冬，从星期五起恢复航行，首航的船票已经售完。",
    "新的主机比旧的省三分之一的油，船员在驾驶台上就能看见车辆甲板的情形。",
)
HANT = (
    "開往外島的渡輪在乾船塢裡停了一冬，從星期五起恢復航行，首航的船票已經售完。",
    "新的主機比舊的省三分之一的油，船員在駕駛台上就能看見車輛甲板的情形。",
)


def blocks(source: str) -> tuple[Block, ...]:
    return extract(source, "text/html").blocks


def shown(source: str) -> list[str]:
    return [block.text for block in blocks(source) if not block.hidden]


def hidden(source: str) -> list[str]:
    return [block.text for block in blocks(source) if block.hidden]


INLINE = [
    '<span style="display:none">{}</span>',
    "<i style='DISPLAY : none !important'>{}</i>",
    '<b style="visibility: hidden">{}</b>',
    "<span hidden>{}</span>",
    '<font style="font-size:0px;color:#fff">{}</font>',
    '<span style="opacity:0;position:absolute">{}</span>',
    '<em style="color: transparent">{}</em>',
    '<span style="color:rgba(0, 0, 0, 0)">{}</span>',
    '<span aria-hidden="true" style="position:absolute;left:-9999px">{}</span>',
    '<span style="position:absolute;clip:rect(0 0 0 0);width:1px;height:1px;overflow:hidden">{}</span>',
    '<span class="sr-only">{}</span>',
    '<font class="jammer">{}</font>',
]


@pytest.mark.parametrize("form", INLINE)
@pytest.mark.parametrize("text", [EN[0], ZH[0], HANT[0]])
def test_hidden_words_are_never_spliced_into_a_word(form: str, text: str) -> None:
    source = f"<p>{text[:9]}{form.format('qx7 版权所有')}{text[9:]}</p>"
    assert shown(source) == [text.strip()]
    assert hidden(source) == ["qx7 版权所有"]
    whole, part = blocks(source)
    assert source[part.start : part.end] == part.text
    assert whole.start < part.start < part.end < whole.end
    assert "hidden_text" in extract(source, "text/html").flags


RULES = [
    (".k{display:none}", '<span class="a k">{}</span>'),
    ("#k { visibility : hidden; }", '<span id="k">{}</span>'),
    ("kbd,tt{font-size:0}", "<tt>{}</tt>"),
    ("span.k{opacity:0}", '<span class="k">{}</span>'),
    ("div .k{position:absolute;left:-9999em}", '<span class="k">{}</span>'),
    (".k{display:inline}.k{display:none}", '<span class="k">{}</span>'),
    ("/* .k{} */ @charset 'utf-8'; .x, .k{display:none}", '<span class="k">{}</span>'),
    ("@media screen{.k{display:none}}", '<span class="k">{}</span>'),
    (".k{text-indent:-9999px}", '<span class="k">{}</span>'),
]


@pytest.mark.parametrize(("css", "form"), RULES)
@pytest.mark.parametrize("text", [EN[0], ZH[0]])
def test_rules_of_the_page_hide(css: str, form: str, text: str) -> None:
    source = f"<style>{css}</style><div>{text[:9]}{form.format('zz9')}{text[9:]}</div>"
    assert (shown(source), hidden(source)) == ([text.strip()], ["zz9"])


@pytest.mark.parametrize(
    "css",
    [
        ".k{display:none}.k{display:inline}",
        "@media print{.k{display:none}}",
        "@media (max-width:600px){.k{display:none}}",
        ".k{display:none}@media (min-width:600px){.k{display:block}}",
        ".k:hover{display:none}",
        ".other .k{display:none}",
        "b.k{display:none}",
        ".k{color:rgb(0, 0, 0)}",
        ".k{color:transparent;background-clip:text}",
        ".k{max-width:0;overflow:hidden}",
        "<!-- .k{opacity:.5} -->",
    ],
)
def test_what_some_reader_sees_is_not_hidden(css: str) -> None:
    source = f"<style>{css}</style><p>{EN[0]}<span class=k>and {EN[1]}</span></p>"
    assert hidden(source) == []
    assert hidden(f"<!-- <style>.k{{display:none}}</style> -->{source}") == []


@pytest.mark.parametrize("text", [EN, ZH, HANT])
@pytest.mark.parametrize(
    "opening",
    [
        '<div id="js_content" style="visibility: hidden; opacity: 0;">',
        "<style>body{opacity:0}</style><body><main>",
        "<style>html{visibility:hidden;animation:show 8s}</style><div>",
        '<nav><a href="/">首页 Home</a></nav><div class="content" style="display:none">',
    ],
)
def test_a_text_hidden_until_a_script_runs_stays(opening: str, text: tuple[str, ...]) -> None:
    source = f"<html>{opening}{''.join(f'<p>{one}</p>' for one in text)}"
    assert shown(source)[-2:] == [one.strip() for one in text]
    jammed = source.replace("，", "，<i style=display:none>jam</i>").replace(", ", ", <i style=display:none>jam</i>")
    assert shown(jammed) == shown(source)


@pytest.mark.parametrize("text", [EN, ZH])
def test_what_a_click_shows_is_as_the_model_says(text: tuple[str, ...]) -> None:
    page = f"<p>{text[0]}</p><p>{text[1]}</p><button aria-controls='a1'>+</button>"
    for panel in ('<div id="A1" hidden>', '<div class="faq-answer" style="display:none">', "<div hidden=until-found>"):
        assert hidden(f"{page}{panel}<p>{text[0]}</p></div>".replace("'", '"')) == []


@pytest.mark.parametrize("text", [EN, ZH])
def test_a_paragraph_for_machines_alone_is_hidden(text: tuple[str, ...]) -> None:
    for tag in ('p style="display:none"', 'div style="position:fixed;top:-2000px"', "p class=k"):
        spam = f"<{tag}>best casino 办证刻章</{tag.split()[0]}>"
        source = f"<style>.k{{font-size:1px}}</style><p>{text[0]}</p>{spam}<p>{text[1]}</p>"
        assert hidden(source) == ["best casino 办证刻章"]


def test_a_hidden_cell_is_no_part_of_its_row() -> None:
    source = "<table><tr><td>甲<td style='display:none'>7f3a<td>12<tr><td>乙<td style='display:none'>88b1<td>15</table>"
    assert (shown(source), hidden(source)) == (["甲 | 12", "乙 | 15"], ["7f3a", "88b1"])


def test_text_before_and_after_an_element_without_a_box_is_one_line() -> None:
    assert shown("<div>The ferry re<div style='display:none'>qx</div>turned</div>") == ["The ferry returned"]


def test_gaps_between_boxes_hide_no_text_of_theirs() -> None:
    assert hidden("<style>.list{font-size:0}</style><ul class=list><li>渡轮复航</li></ul><p>x") == []


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<ruby>漢<rt>かん</rt></ruby><ruby>字<rt>じ</rt></ruby>です", "漢字です"),
        ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rp>(</rp><rt>じ</rt><rp>)</rp></ruby>です", "漢字です"),
        ("<ruby><rb>漢<rb>字<rt>かん<rt>じ</ruby>です", "漢字です"),
        ("<ruby><rb>漢字</rb><rtc><rt>かんじ</rt></rtc><rtc>kanji</rtc></ruby>です", "漢字です"),
        ("<ruby>\n  腊 <rt>là</rt>\n  月 <rt>yuè</rt>\n</ruby> <ruby>三<rt>sān</rt></ruby>十", "腊月三十"),
        ("<ruby>臘<rt>ㄌㄚˋ</rt></ruby>\n<ruby>月<rt>ㄩㄝˋ</rt></ruby>三十", "臘月三十"),
        ("the <ruby>old town<rt>vieille ville</rt></ruby> gate", "the old town gate"),
        ("x <rt>no ruby</rt>", "x no ruby"),
        ("<ruby><rt>よみ</rt></ruby>", "よみ"),
    ],
)
def test_readings_leave_the_text(source: str, text: str) -> None:
    assert shown(f"<p>{source}</p>") == [text]


@given(st.text(alphabet="display:none;{}.#k ,@()-0px/*!", max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_style_is_read(css: str) -> None:
    aspects(css)
    assert "text" in " ".join(shown(f"<p>text<style>{css}</style><b class=k style='{css}'>b</b> text</p>"))


@pytest.mark.parametrize(
    "bait", [".k{display:none}", "{", "}", ".k,", "/*", "@media x{", "<style>", ".k .k ", "<!--", "a{font:0 "]
)
def test_hostile_styles_take_linear_time(bait: str) -> None:
    def styled(baits: str) -> None:
        extract(f"<p>text</p><style>{baits}</style><p class=k>k</p>", "text/html")

    assert linear(styled, repeated(bait), 200_000)
