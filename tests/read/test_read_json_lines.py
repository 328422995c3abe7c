"""JSON Lines: a document a line, and a bad line costs itself alone."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from growth import cost
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Reason, Rejection
from pipeline.read import ReadLimits, read_file
from pipeline.types import Record

GOOD = '{"text": "Carbon prices rose. 碳价上涨。"}'
SMALL = ReadLimits(max_record_bytes=50_000, ratio_after_bytes=10_000)


def read(folder: Path, content: bytes | str, limits: ReadLimits = SMALL, name: str = "a.jsonl") -> list[object]:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_file(folder, name, limits=limits))


def only(folder: Path, value: object) -> Record:
    (record,) = read(folder, json.dumps(value))
    assert isinstance(record, Record)
    return record


def shape(outcomes: list[object]) -> list[tuple[str | None, Reason | None]]:
    return [(o.member, o.reason if isinstance(o, Rejection) else None) for o in outcomes]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["text", "content", "body", "raw_content", "正文", "内容"])
def test_the_text_is_found_under_its_usual_names(tmp_path: Path, name: str) -> None:
    record = only(tmp_path, {"id": 7, name: "碳价 rose"})
    assert (record.content.decode(), record.media_type, record.charset) == ("碳价 rose", "text/plain", "utf-8")


def test_the_first_text_field_with_text_wins(tmp_path: Path) -> None:
    assert only(tmp_path, {"content": "second", "text": "first"}).content == b"first"
    assert only(tmp_path, {"content": "second", "text": "  "}).content == b"second"
    assert only(tmp_path, {"content": "second", "text": None}).content == b"second"


@pytest.mark.parametrize(
    "value",
    [
        {"html": "no element in sight"},
        {"content": "<p>碳价</p>"},
        {"text": "\n <!DOCTYPE html><html></html>x"},
        {"raw_content": "<!-- c --><div>x</div>"},
    ],
)
def test_markup_is_html(tmp_path: Path, value: dict[str, str]) -> None:
    assert only(tmp_path, value).media_type == "text/html"


@pytest.mark.parametrize("text", ["a <p> b", "<3 this market", "< 5 %", "<通知>"])
def test_a_sign_in_the_text_is_no_markup(tmp_path: Path, text: str) -> None:
    assert only(tmp_path, {"text": text}).media_type == "text/plain"


def test_origin_is_taken_from_the_other_fields(tmp_path: Path) -> None:
    record = only(
        tmp_path, {"text": "x", "link": "https://example.org/碳", "标题": "碳 市场", "pubdate": "2024年5月1日"}
    )
    assert (record.url, record.title, record.published) == ("https://example.org/碳", "碳 市场", "2024年5月1日")
    assert only(tmp_path, {"text": "x", "time": 1714521600}).published == "1714521600"


def test_no_surrogate_or_control_comes_through(tmp_path: Path) -> None:
    line = r'{"text": "a\ud800b \ud83d\ude00", "title": "t\udfff\u0000\n2", "url": "\ud800"}'
    (record,) = read(tmp_path, line)
    assert isinstance(record, Record)
    assert record.content.decode() == "a\ufffdb \U0001f600"
    assert (record.title, record.url, record.flags) == ("t\ufffd 2", "\ufffd", ("lone_surrogates",))


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    text = "one\u2028two\u0085three\x0bfour"
    content = "\ufeff" + json.dumps({"text": text}, ensure_ascii=False) + "\r\n\r\n \n" + GOOD
    outcomes = read(tmp_path, content)
    assert shape(outcomes) == [("1", None), ("4", None)]
    assert isinstance(outcomes[0], Record)
    assert outcomes[0].content.decode() == text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{broken", Reason.BROKEN_JSON),
        (b'{"text": "cut off', Reason.BROKEN_JSON),
        (GOOD.encode() * 2, Reason.BROKEN_JSON),
        (b'"a string"', Reason.MISSING_TEXT),
        (b"[1, 2]", Reason.MISSING_TEXT),
        (b'{"id": 1}', Reason.MISSING_TEXT),
        (b'{"text": 5, "body": [7]}', Reason.MISSING_TEXT),
        (b'{"text": " \\n"}', Reason.EMPTY),
        (b'{"text": "x", "a": ' + b"[" * 101 + b"]" * 101 + b"}", Reason.TOO_DEEP),
        (b"[" * 100_000, Reason.TOO_DEEP),
        (b'{"a":' * 60_000 + b"1" + b"}" * 60_000, Reason.TOO_DEEP),
        (b'{"text": "' + os.urandom(40_000).hex().encode() + b'"}', Reason.TOO_LARGE),
        (b"\xff\xfe\x00\x80", Reason.BROKEN_JSON),
    ],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz"])
def test_a_bad_line_costs_itself_alone(tmp_path: Path, line: bytes, reason: Reason, name: str) -> None:
    content = GOOD.encode() + b"\n" + line + b"\n" + GOOD.encode() + b"\n"
    limits = ReadLimits(max_record_bytes=60_000) if reason is Reason.TOO_LARGE else ReadLimits()
    outcomes = read(tmp_path, gzip.compress(content) if name.endswith("gz") else content, limits, name)
    assert shape(outcomes) == [("1", None), ("2", reason), ("3", None)]
    assert isinstance(outcomes[1], Rejection)
    assert outcomes[1].message.isprintable()
    assert "Line 2" in outcomes[1].message


@pytest.mark.parametrize(
    "line", ['{"text": "x", "n": ' + "9" * 5000 + "}", '{"text": "x", "n": NaN}', '{"text": "a\tb"}']
)
def test_what_no_text_depends_on_is_let_through(tmp_path: Path, line: str) -> None:
    assert shape(read(tmp_path, line)) == [("1", None)]


def test_nesting_up_to_the_bound_is_let_through(tmp_path: Path) -> None:
    assert shape(read(tmp_path, '{"text": "x", "a": ' + "[" * 99 + "]" * 99 + "}")) == [("1", None)]


def test_a_damaged_character_of_utf8_is_replaced_and_flagged(tmp_path: Path) -> None:
    broken = (
        json.dumps({"text": "\u5168\u56fd\u78b3\u5e02\u573a"}, ensure_ascii=False)
        .encode()
        .replace(b"\x9b\xbd", b"\x9b")
    )
    lines = [
        json.dumps({"text": f"\u7b2c{n}\u53f7\u901a\u77e5\u5df2\u7ecf\u53d1\u5e03\u3002"}, ensure_ascii=False).encode()
        for n in range(9)
    ]
    outcomes = read(tmp_path, b"\n".join([*lines, broken]))
    assert [o.flags for o in outcomes if isinstance(o, Record)] == [*[()] * 9, ("invalid_utf8",)]


def test_a_line_that_expands_too_much_costs_itself_alone(tmp_path: Path) -> None:
    lines = [GOOD, json.dumps({"text": "x" * 8_000_000}), GOOD]
    limits = ReadLimits(ratio_after_bytes=100_000)
    outcomes = read(tmp_path, gzip.compress("\n".join(lines).encode()), limits, "a.jsonl.gz")
    assert shape(outcomes) == [("1", None), ("2", Reason.DECOMPRESSION_BOMB), ("3", None)]


def test_many_alike_lines_are_no_bomb(tmp_path: Path) -> None:
    outcomes = read(tmp_path, gzip.compress(f"{GOOD}\n".encode() * 20_000), SMALL, "a.jsonl.gz")
    assert shape(outcomes) == [(str(n), None) for n in range(1, 20_001)]


def test_a_line_that_would_unfold_to_too_much_memory_is_rejected(tmp_path: Path) -> None:
    content = GOOD + '\n{"text": "x", "a": [' + "[]," * 600 + "[]]}\n" + GOOD
    assert shape(read(tmp_path, content, ReadLimits(max_json_values=500)))[1] == ("2", Reason.TOO_LARGE)


def test_nothing_but_blank_lines_is_empty(tmp_path: Path) -> None:
    assert shape(read(tmp_path, "\n \r\n")) == [(None, Reason.EMPTY)]


def test_blank_lines_cost_next_to_nothing(tmp_path: Path) -> None:
    def read_all(content: bytes) -> list:
        return read(tmp_path, gzip.compress(content, 1), ReadLimits(), "a.jsonl.gz")

    assert cost(read_all, b"\n" * 2_000_000 + GOOD.encode()) < cost(read_all, f"{GOOD}\n".encode() * 20_000)


def test_blank_lines_are_counted(tmp_path: Path) -> None:
    content = gzip.compress(b"\n" * 20_000_000 + GOOD.encode() + b"\r\n" * 5_000_000 + GOOD.encode(), 1)
    outcomes = read(tmp_path, content, ReadLimits(), "a.jsonl.gz")
    assert shape(outcomes) == [("20000001", None), ("25000001", None)]


def test_the_number_of_records_is_bounded_and_the_rest_is_reported(tmp_path: Path) -> None:
    outcomes = read(tmp_path, f"{GOOD}\n" * 10, ReadLimits(max_records=4))
    assert shape(outcomes) == [*((str(n), None) for n in range(1, 5)), (None, Reason.TOO_LARGE)]


def test_a_cut_gzip_keeps_the_whole_lines_and_reports_the_rest(tmp_path: Path) -> None:
    lines = [json.dumps({"text": os.urandom(500).hex()}) for _ in range(100)]
    packed = gzip.compress("\n".join(lines).encode())
    outcomes = read(tmp_path, packed[: len(packed) // 2], SMALL, "a.jsonl.gz")
    kept = [o for o in outcomes if isinstance(o, Record)]
    assert 30 < len(kept) < 70
    assert [json.loads(line)["text"] for line in lines[: len(kept)]] == [r.content.decode() for r in kept]
    assert isinstance(outcomes[-1], Rejection)
    assert outcomes[-1].reason is Reason.BROKEN_CONTAINER
    assert len({o.member for o in outcomes}) == len(outcomes)  # type: ignore[attr-defined]


def test_a_damaged_gzip_keeps_what_came_before(tmp_path: Path) -> None:
    lines = [json.dumps({"text": os.urandom(500).hex()}) for _ in range(400)]
    packed = bytearray(gzip.compress("\n".join(lines).encode()))
    packed[-9000:-8900] = bytes(100)
    outcomes = read(tmp_path, bytes(packed), SMALL, "a.jsonl.gz")
    assert sum(isinstance(o, Record) for o in outcomes) > 250
    assert shape(outcomes)[-1][1] is Reason.BROKEN_CONTAINER


LINES = st.lists(
    st.one_of(
        st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
        .filter(lambda text: bool(text.strip()))
        .map(lambda text: json.dumps({"text": text}, ensure_ascii=False)),
        st.sampled_from(["", "  ", "{", "[]", '{"text": ""}', '{"no": "text"}', "nul"]),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(LINES)
def test_good_lines_survive_in_order_whatever_their_neighbours(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    outcomes = read(folder, "\n".join(lines) + "\n")
    expected = {str(n): json.loads(line)["text"] for n, line in enumerate(lines, 1) if line.startswith('{"text": "')}
    expected = {member: text for member, text in expected.items() if text}
    found = {o.member: o.content.decode() for o in outcomes if isinstance(o, Record)}
    assert found == expected
    members = [int(o.member) for o in outcomes if o.member]  # type: ignore[attr-defined]
    assert members == sorted(set(members))
    assert set(members) == {n for n, line in enumerate(lines, 1) if line.strip()}


@pytest.mark.parametrize("name", ["a.jl", "a.jsonlines", "a.ldjson", "a.jl.gz", "a.ndjson", "a.json", "a.txt"])
def test_json_lines_have_many_names(tmp_path: Path, name: str) -> None:
    content = f"{GOOD}\n{GOOD}\n".encode()
    outcomes = read(tmp_path, gzip.compress(content) if name.endswith("gz") else content, SMALL, name)
    assert shape(outcomes) == [("1", None), ("2", None)]


@pytest.mark.parametrize(
    ("codec", "encoding"), [("gbk", "gb18030"), ("utf-16", "utf-16le"), ("utf-16-be", "utf-16be"), ("big5", "big5")]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_charset_of_the_whole_is_told_once(tmp_path: Path, codec: str, encoding: str, end: str) -> None:
    traditional = ["水廠上週完成了輸水管線的改造。", "新學期開始以後，午休改成一個半小時。"]
    simplified = ["水厂上周完成了输水管线的改造。", "新学期开始以后，午休改成一个半小时。"]
    texts = traditional if codec == "big5" else simplified
    lines = [
        json.dumps({"標題" if codec == "big5" else "标题": "x", "text": text}, ensure_ascii=False) for text in texts
    ]
    outcomes = read(tmp_path, (end.join(lines) + end).encode(codec))
    assert [o.content.decode() for o in outcomes if isinstance(o, Record)] == texts
    assert all(isinstance(o, Record) and o.taken_from and o.taken_from[0] == encoding for o in outcomes)


def test_a_line_in_gbk_among_lines_of_utf8_is_read_by_itself(tmp_path: Path) -> None:
    text = "清河镇自来水厂上周完成了第二条输水管线的改造，水压提高。"
    lines = [json.dumps({"text": f"{text}{n}"}, ensure_ascii=False).encode() for n in range(30)]
    lines[7] = lines[7].decode().encode("gbk")
    outcomes = read(tmp_path, b"\n".join(lines))
    assert [o.content.decode() for o in outcomes if isinstance(o, Record)] == [f"{text}{n}" for n in range(30)]
    assert outcomes[7].flags == ("mixed_encoding",)  # type: ignore[attr-defined]


def test_a_line_may_hold_several_documents(tmp_path: Path) -> None:
    page = json.dumps({"page": 1, "items": [{"text": "a"}, {"id": 2}, {"text": "碳"}]})
    assert shape(read(tmp_path, f"{GOOD}\n{page}\n{GOOD}")) == [
        ("1", None),
        ("2.1", None),
        ("2.2", Reason.MISSING_TEXT),
        ("2.3", None),
        ("3", None),
    ]


def test_actions_of_elasticsearch_are_no_documents(tmp_path: Path) -> None:
    outcomes = read(tmp_path, f'{{"index": {{"_id": "1"}}}}\n{GOOD}\n{{"delete": {{"_id": "2"}}}}\n')
    assert [type(o).__name__ for o in outcomes] == ["Skipped", "Record", "Skipped"]


def test_an_array_under_this_name_is_read(tmp_path: Path) -> None:
    assert shape(read(tmp_path, f"[\n{GOOD},\n{GOOD}\n]\n")) == [("1", None), ("2", None)]


FERRY = (
    "The ferry was late because of the ice. Two boys pushed it off with poles, and the ferryman gave each of them a coin "
    "and told them to say nothing at home about how thin it was, which they did until supper."
)
SHORE = "因为结冰，渡船来晚了。两个男孩用竹竿把它推开，船夫给了他们一人一枚硬币，嘱咐他们回家不要说冰有多薄；第二天全村的人都知道了。"
SHORE_TRADITIONAL = "因為結冰，渡船來晚了。兩個男孩用竹竿把它推開，船夫給了他們一人一枚硬幣，囑咐他們回家不要說冰有多薄；第二天全村的人都知道了。"


@pytest.mark.parametrize("text", [SHORE, SHORE_TRADITIONAL])
def test_a_name_that_is_there_twice_loses_no_text_unsaid(tmp_path: Path, text: str) -> None:
    def line(*pairs: tuple[str, object]) -> str:
        return f"{{{', '.join(f'{json.dumps(name)}: {json.dumps(one)}' for name, one in pairs)}}}"

    def made(*pairs: tuple[str, object]) -> list[tuple[str, tuple[str, ...]]]:
        records = read(tmp_path, line(*pairs))
        assert all(isinstance(one, Record) for one in records), records
        return [(one.content.decode(), one.flags) for one in records if isinstance(one, Record)]

    assert made(("text", FERRY), ("text", text)) == [(text, ("two_texts",))]
    assert made(("text", FERRY), ("text", FERRY)) == [(FERRY, ())]
    assert made(("text", FERRY), ("text", "")) == [(FERRY, ())]
    assert made(("data", [{"text": FERRY}]), ("data", [{"text": text}])) == [(FERRY, ()), (text, ())]
    assert made(("text", FERRY), ("comments", [{"text": text}]), ("comments", [])) == [(FERRY, ())]


def test_a_line_without_text_names_the_fields_that_were_seen(tmp_path: Path) -> None:
    (outcome,) = read(tmp_path, '{"id": 1, "题目": "x"}')
    assert isinstance(outcome, Rejection)
    assert "id, 题目" in outcome.message
