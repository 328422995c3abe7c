"""When a page was published: by its mark-up, its line of date and source, its country's clocks; rather nothing than wrong."""

from datetime import UTC, date, datetime

import pytest
from growth import linear, repeated

from pipeline import CleanDocument, clean
from pipeline.boilerplate.rules import load_rules
from pipeline.metadata.countries import country_of
from pipeline.metadata.page_data import MARKED_PUBLISHED, MARKED_SOURCE, MARKED_TIME, page_marks, read_source_line
from pipeline.read.fields import Found, record_of
from pipeline.read.limits import Origin, ReadLimits
from pipeline.recipe import Cleaned, Finished, clean_record, finish_record

BODIES = {
    "zh": "<p>村口的老井上个月清了一次淤，井底捞出三只铁桶和一把锁，锁还能打开，钥匙却没有人找得到。</p>"
    "<p>守井的老人说，那把锁是五十年前生产队锁粮仓用的，丢的那天下着大雨，全村人找了一夜也没有找到。</p>",
    "hant": "<p>村口的老井上個月清了一次淤，井底撈出三隻鐵桶和一把鎖，鎖還能打開，鑰匙卻沒有人找得到。</p>"
    "<p>守井的老人說，那把鎖是五十年前生產隊鎖糧倉用的，丟的那天下著大雨，全村人找了一夜也沒有找到。</p>",
    "ja": "<p>村の入口にある古い井戸が先月さらわれ、底から三つの鉄の桶と一つの錠が見つかった。錠はまだ開くが、鍵は見つからない。</p>"
    "<p>井戸を守る老人によれば、その錠は五十年前に米蔵を閉めるために使われたもので、なくした日は大雨だったという。</p>",
    "ko": "<p>마을 어귀의 오래된 우물을 지난달에 청소했더니 바닥에서 쇠통 세 개와 자물쇠 하나가 나왔다.</p>"
    "<p>우물을 지키는 노인은 그 자물쇠가 오십 년 전에 곡식 창고를 잠그던 것이라고 말했다.</p>",
    "en": "<p>The old well at the gate was cleared last month, and three iron buckets and a lock were found at the bottom of it.</p>"
    "<p>The lock still opens, said the keeper of the well, though nobody in the village has been able to find the key to it.</p>",
    "fr": "<p>Le vieux puits du village a été curé le mois dernier, et l'on y a trouvé trois seaux de fer et un cadenas.</p>"
    "<p>Le cadenas s'ouvre encore, dit le gardien, mais personne au village n'a pu en retrouver la clef.</p>",
    "de": "<p>Der alte Brunnen am Tor wurde im vergangenen Monat gereinigt, dabei fand man drei eiserne Eimer und ein Schloss.</p>"
    "<p>Das Schloss geht noch auf, sagt der Wärter, doch niemand im Dorf hat bisher den Schlüssel dazu gefunden.</p>",
    "es": "<p>El viejo pozo del pueblo se limpió el mes pasado y en el fondo aparecieron tres cubos de hierro y un candado.</p>"
    "<p>El candado todavía se abre, dice el guardián, pero nadie en el pueblo ha podido encontrar la llave.</p>",
}  # fmt: skip


def page(line: str, *, lang: str, body: str | None = None, script: str = "") -> str:
    title = {"zh": "老井清淤记", "hant": "老井清淤記", "ja": "古い井戸の話", "ko": "오래된 우물 이야기"}.get(
        lang, "The old well"
    )
    tag = {"hant": "zh-TW"}.get(lang, lang)
    return f'<html lang="{tag}"><head><title>{title}</title></head><body><h1>{title}</h1>{line}{body or BODIES[lang]}{script}</body></html>'


def told(line: str, *, lang: str, url: str | None = None, script: str = "") -> CleanDocument:
    found = clean(page(line, lang=lang, script=script), media_type="text/html", url=url)
    assert isinstance(found, CleanDocument)
    return found


@pytest.mark.parametrize(
    ("line", "lang"),
    [
        ('<time datetime="2023-06-02T01:15:00Z">two days ago</time>', "en"),
        ("<p class=meta><time datetime='2023-06-02T09:15:00+08:00'>前天</time></p>", "zh"),
        ('<time class="entry-date published" datetime="2023-06-02T01:15:00+00:00">zuletzt</time>', "de"),
        ('<span itemprop="datePublished" content="2023-06-02T09:15:00+08:00">前天</span>', "hant"),
        ('<abbr class="published" title="2023-06-02T01:15:00Z">Friday</abbr>', "en"),
        ('<span id="pubtime" data-time="1685668500">前天</span>', "zh"),
        ('<div>發布時間：2023年6月2日 09:15</div>', "hant"),
        ('<div class="info">http://www.example.cn 2023年06月02日09:15 白沙日报</div>', "zh"),
        ("<div>白沙日报　2023-06-02 09:15　记者 何平</div>", "zh"),
        ("<p>2023年6月2日 10時15分</p>", "ja"),
        ("<p>입력 2023.06.02. 오전 10:15</p>", "ko"),
        ("<p>Publié le 02/06/2023 à 03h15</p>", "fr"),
        ("<p>Veröffentlicht am 2. Juni 2023, 03:15 Uhr</p>", "de"),
    ],
)  # fmt: skip
def test_a_time_is_found_and_read_by_the_clocks_of_its_place(line: str, lang: str) -> None:
    site = {"fr": "https://example.fr/a"}.get(lang)
    assert told(line, lang=lang, url=site).published_at == datetime(2023, 6, 2, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "lang", "url"),
    [
        ("<p>Publicado el 02/06/2023</p>", "es", None),
        ("<p>2 juin 2023</p>", "fr", None),
        ("<p>Stand: 02.06.2023</p>", "de", None),
        ("<p>Published: 02/06/2023</p>", "en", "https://www.example.co.uk/well"),
        ("<p>Published: 06/02/2023</p>", "en", None),
        ("<p>发布日期：2023-06-02</p>", "zh", None),
        ("<p>公開日：2023年6月2日</p>", "ja", None),
    ],
)
def test_a_day_alone_is_that_day_where_it_was_published(line: str, lang: str, url: str | None) -> None:
    found = told(line, lang=lang, url=url)
    assert (found.published_date, found.published_precision) == (date(2023, 6, 2), "day")


@pytest.mark.parametrize("line", ["Publié le 02/06/2023", "2 juin 2023"])
def test_flattened_text_is_read_by_its_own_language_and_a_line_of_date_is_no_title(line: str) -> None:
    text = f"Le vieux puits du village\n\n{line}\n\n" + BODIES["fr"].replace("<p>", "").replace("</p>", "\n\n")
    found = clean(text, media_type="text/plain")
    assert isinstance(found, CleanDocument)
    assert (found.published_date, found.title) == (date(2023, 6, 2), "Le vieux puits du village")


@pytest.mark.parametrize(
    "line",
    ["Event: 2 June 2023, 19:00", "Member since 2 June 2023", "演出时间：2023年6月2日", "開催日時：2023年6月2日"],
)
def test_the_date_of_an_event_is_not_that_of_the_page(line: str) -> None:
    assert told(f"<p>{line}</p>", lang="en" if line.isascii() else "zh").published_at is None


def test_other_dates_of_the_page_say_how_it_writes_them() -> None:
    body = BODIES["en"] + "<p>See also our report of 25/12/2022.</p>"
    found = clean(page("<p>Published: 02/06/2023</p>", lang="en", body=body), media_type="text/html")
    assert isinstance(found, CleanDocument)
    assert found.published_date == date(2023, 6, 2)


@pytest.mark.parametrize(
    "line",
    [
        '<time class="event-start" datetime="2023-06-02T01:15:00Z">tomorrow</time>',
        '<time class="comment-date" datetime="2023-06-02T01:15:00Z">yesterday</time>',
        '<time itemprop="dateModified" datetime="2023-06-02T01:15:00Z">changed</time>',
    ],
)
def test_a_time_of_something_else_is_none(line: str) -> None:
    assert told(line, lang="en").published_at is None


def test_a_time_under_the_text_is_not_the_documents() -> None:
    below = '<ul><li>Another story <time datetime="2023-06-02T01:15:00Z">Friday</time></li></ul>'
    assert told("", lang="en", script=below).published_at is None


def test_wechat_pages_say_time_and_account_in_their_scripts() -> None:
    line = '<em id="publish_time"></em><div id="js_content"></div>'
    script = '<script>var nickname = "白沙见闻"; var ct = "1685668500";</script>'
    found = told(line, lang="zh", script=script)
    assert (found.published_at, found.source) == (datetime(2023, 6, 2, 1, 15, tzinfo=UTC), "白沙见闻")
    assert found.published_precision == "second"
    assert told("", lang="zh", script=script).published_at is None, "a script of another page is not believed"


@pytest.mark.parametrize(
    ("line", "source", "author"),
    [
        ("白沙晚报 | 2023-06-02 09:15 | 作者 何平", "白沙晚报", "何平"),
        ("白沙晚報｜2023-06-02 09:15｜記者 何平", "白沙晚報", "何平"),
        ("2023-06-02 09:15 · 望江观察", "望江观察", None),
        ("Eastwick Gazette | 2 June 2023 | By Nora Adler", "Eastwick Gazette", "Nora Adler"),
        ("2023-06-02 09:15 | 阅读 213 | 评论 4", None, None),
        ("三月里的风 | 2023-06-02", None, None),
    ],
)
def test_names_between_bars_are_source_and_author_by_their_words(
    line: str, source: str | None, author: str | None
) -> None:
    read = read_source_line(line)
    assert (read.source, read.author) == (source, author)
    assert read.date is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"ctime": "1685668500"}, {"timestamp": 1685668500000}, {"createTime": "2023-06-02T01:15:00Z"},
        {"pubtime": "2023年6月2日 09:15"}, {"publish_time": {"$date": "2023-06-02T01:15:00Z"}},
        {"publishedAt": "2023-06-02 09:15:00"},
    ],
)  # fmt: skip
def test_records_say_their_time_in_many_forms(fields: dict[str, object]) -> None:
    text = "村口的老井上个月清了一次淤，井底捞出三只铁桶和一把锁，锁还能打开，钥匙却没有人找得到。"
    value = {name: str(one) if isinstance(one, int) else one for name, one in fields.items()}
    told = {"text": text, "author": [{"name": "何平"}, "孙兰"], "source": "白沙日报", **value}
    record = record_of(Found(told), "1", ORIGIN, ReadLimits())
    cleaned = clean_record(record, rules=load_rules())
    assert isinstance(cleaned, Cleaned)
    finished = finish_record(cleaned, template_hits=[None] * len(cleaned.keys))
    assert isinstance(finished, Finished)
    assert finished.metadata.published_at == datetime(2023, 6, 2, 1, 15, tzinfo=UTC)
    assert (finished.metadata.author, finished.metadata.source) == ("何平, 孙兰", "白沙日报")


ORIGIN = Origin("a.jsonl")


@pytest.mark.parametrize(("day", "hours"), [("2023-03-25", 1), ("2023-03-27", 2), ("2023-10-28", 2), ("2023-10-30", 1)])
def test_european_clocks_change_in_march_and_october(day: str, hours: int) -> None:
    assert country_of("example.de", None).offset_on(datetime.fromisoformat(f"{day}T12:00")) == 60 * hours


def test_marks_are_read_under_names_of_their_own() -> None:
    source = '<time datetime="2023-06-02">x</time><time pubdate datetime="2023-06-01">y</time><div id="js_content">'
    source += '<script>var nickname = "望江"</script>'
    assert dict(page_marks(source)) == {
        MARKED_TIME: "0 2023-06-02",
        MARKED_PUBLISHED: "2023-06-01",
        MARKED_SOURCE: "望江",
    }


@pytest.mark.parametrize("piece", ["<time ", "<a itemprop=", '<time datetime="', "<b " + "itemprop " * 70, "<time>"])
def test_hostile_mark_up_takes_linear_time(piece: str) -> None:
    assert linear(lambda source: list(page_marks(source)), repeated(piece), 400_000)
