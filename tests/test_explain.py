"""``explain`` gives the answer of the run: the same labels, whatever way a record is named."""

import contextlib
import io
import json
import random
import shutil

import pytest
from rich.console import Console

from pipeline.errors import RawFolderError
from pipeline.explain import differing, explain, find, look, published, scan_one
from pipeline.local import local_runner
from pipeline.run import run
from pipeline.settings import Settings
from pipeline.sites.lines import learned_templates
from pipeline.workers.nursery import WORKER, Nursery

SITES = {"en": "quay-example.org", "zh": "lvtan-example.cn"}
FRAME = {
    "en": (["Quay Gazette", "Tide tables", "Reader letters"], ["Printed on the quay since the first ferry"]),
    "zh": (["绿碳观察网", "潮汐数据", "读者来信"], ["值班室的灯亮到天明"]),
}
SELDOM = {"en": "Ask the harbour master's cat", "zh": "编后语请看下期"}
WORDS = {
    "en": "market carbon island winter permit auction river steel price council glass meadow ferry ledger".split(),
    "zh": list("碳市场海岛冬季配额拍卖江河钢铁价格会议草原渡轮账本"),
}


def paragraph(lang, rng):
    words = rng.choices(WORDS[lang], k=24 if lang == "en" else 60)
    if lang == "zh":
        return f"{''.join(words[:30])}，{''.join(words[30:])}。"
    return f"The {' '.join(words[:12])}, and the {' '.join(words[12:])}."


def lines_of(lang, number):
    rng = random.Random(f"{lang}-{number}")
    top, bottom = FRAME[lang]
    body = [paragraph(lang, rng) for _ in range(4)]
    return [*top, *body, *([SELDOM[lang]] if number == 1 else []), *bottom]


def write_site(raw, lang):
    folder = raw / "pages" / SITES[lang]
    folder.mkdir(parents=True)
    for number in range(6):
        lines = lines_of(lang, number)
        if number % 2:
            page = "".join(f"<div>{line}</div>" if len(line) < 60 else f"<p>{line}</p>" for line in lines)
            (folder / f"{number}.html").write_text(f"<html><body>{page}</body></html>", "utf-8")
        else:
            (folder / f"{number}.txt").write_text("\n".join(lines), "utf-8")
    records = [
        {"text": "\n".join(lines_of(lang, number)), "url": f"https://{SITES[lang]}/{number}"} for number in (7, 8)
    ]
    (folder / "more.jsonl").write_text("\n".join(json.dumps(one) for one in records), "utf-8")
    shutil.copyfile(folder / "0.txt", folder / "copy:of 0.txt")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A run over two made-up sites, one in each script, under folders named for them, with a pin for each."""
    folder = tmp_path_factory.mktemp("explain")
    raw, rules = folder / "raw", folder / "rules"
    (rules / "sites").mkdir(parents=True)
    for lang, site in SITES.items():
        write_site(raw, lang)
        pin = json.dumps([SELDOM[lang]], ensure_ascii=False)
        (rules / "sites" / f"{site}.toml").write_text(f"[template]\npin = {pin}\nveto = []\n", "utf-8")
    (raw / "empty.txt").write_text("")
    settings = Settings(workers=1, rules=rules)
    with local_runner(1) as (runner, on_stage):
        report = run(raw, folder / "out", settings=settings, runner=runner, on_stage=on_stage)
    return raw, report.snapshot, settings


@pytest.fixture(scope="module")
def nursery():
    with contextlib.closing(Nursery(WORKER)) as nursery:
        nursery.start()
        yield nursery


def shown(found, nursery, corpus, **more):
    sink = io.StringIO()
    console = Console(file=sink, width=200)
    learned = learned_templates(corpus[1].path.parent.parent)
    explain(found, nursery, settings=corpus[2], console=console, snapshot=corpus[1], learned=learned, **more)
    return sink.getvalue()


def test_the_labels_of_every_document_are_those_of_the_run(corpus, nursery):
    raw, snapshot, settings = corpus
    learned = learned_templates(snapshot.path.parent.parent)
    said_by_run, seen_now = {}, {}
    for row in snapshot.table("blocks").to_pylist():
        said_by_run.setdefault(row["doc_id"], []).append(
            (row["ordinal"], row["label"], row["decided_by"], row["score"])
        )
    for path in snapshot.table("inputs")["path"].to_pylist():
        found = find(path, raw=raw, snapshot=snapshot)
        for one in look(found, scan_one(found), nursery, settings=settings, learned=learned).documents:
            rows = [(row["ordinal"], row["label"], row["decided_by"], row["score"]) for row in one.blocks]
            seen_now[one.doc_id] = rows
    assert seen_now == {doc_id: sorted(rows) for doc_id, rows in said_by_run.items()}
    voices = {row[2] for rows in seen_now.values() for row in rows}
    assert {f"template:{site}" for site in SITES.values()} <= voices
    assert len(seen_now) == 18


def test_a_record_is_found_by_path_place_member_and_id(corpus, monkeypatch):
    raw, snapshot, _ = corpus
    site = SITES["zh"]
    rows = {(row["path"], row["member"]): row["doc_id"] for row in snapshot.table("documents").to_pylist()}
    path = f"pages/{site}/more.jsonl"
    by_id = find(rows[path, "2"], raw=raw, snapshot=snapshot)
    assert (by_id.path, by_id.member, by_id.known) == (path, "2", True)
    assert find(f"{rows[path, '2']}-0", raw=raw, snapshot=snapshot) == by_id
    assert find(f"{path}:2", raw=raw, snapshot=snapshot) == by_id
    assert find(path, raw=raw, snapshot=snapshot, member="2") == by_id
    assert find(f"{raw / path}:2", raw=raw, snapshot=snapshot).path == path
    monkeypatch.chdir(raw / "pages")
    assert find(f"{site}/more.jsonl:2", raw=raw, snapshot=snapshot).path == path
    assert find(f"{site}/copy:of 0.txt", raw=raw, snapshot=snapshot).member is None
    assert find(f"{site}/0.txt", raw=None, snapshot=None).known is False


def test_a_member_alone_is_shown_and_one_that_is_not_there_is_refused(corpus, nursery):
    raw, snapshot, _ = corpus
    path = f"pages/{SITES['en']}/more.jsonl"
    alone = shown(find(f"{path}:2", raw=raw, snapshot=snapshot), nursery, corpus)
    assert f"{path}:2" in alone and f"{path}:1" not in alone
    with pytest.raises(RawFolderError, match=r"no record 9 in .* Its records: 1, 2\."):
        shown(find(f"{path}:9", raw=raw, snapshot=snapshot), nursery, corpus)
    for wrong in ("pages", "nowhere.txt", "0" * 32, "s3://bucket/a.html"):
        with pytest.raises(RawFolderError):
            find(wrong, raw=raw, snapshot=snapshot)


def test_site_template_pins_confidence_flags_repairs_and_duplicates_are_shown(corpus, nursery):
    raw, snapshot, _ = corpus
    folder = f"pages/{SITES['zh']}"
    pinned = shown(find(f"{folder}/1.html", raw=raw, snapshot=snapshot), nursery, corpus)
    assert f"template:{SITES['zh']}" in pinned
    assert f"pinned in sites/{SITES['zh']}.toml" in pinned
    assert "documents of the site" in pinned
    assert all(name in pinned for name in ("confidence", "flags", "repairs", SITES["zh"]))
    one = shown(find(f"{folder}/copy:of 0.txt", raw=raw, snapshot=snapshot), nursery, corpus)
    other = shown(find(f"{folder}/0.txt", raw=raw, snapshot=snapshot), nursery, corpus)
    assert "(exact), in 000001" in one and "(exact), in 000001" in other
    assert ("duplicate of" in one) != ("duplicate of" in other)
    assert "note:" not in pinned + one + other


def test_what_the_snapshot_says_otherwise_is_said(corpus, nursery):
    raw, snapshot, _ = corpus
    found = find(f"pages/{SITES['en']}/1.html", raw=raw, snapshot=snapshot)
    sink = io.StringIO()
    explain(
        found,
        nursery,
        settings=Settings(workers=1),
        console=Console(file=sink, width=200),
        snapshot=snapshot,
        learned=None,
    )
    assert "note: Snapshot 000001 says otherwise of" in sink.getvalue()
    assert f"by template:{SITES['en']}" in sink.getvalue()


def test_a_file_that_changed_is_new_or_is_gone_is_said_to_be_so(corpus, nursery, tmp_path):
    old, snapshot, settings = corpus
    raw = tmp_path / "raw"
    shutil.copytree(old, raw)
    folder = f"pages/{SITES['en']}"
    (raw / folder / "0.txt").write_text("Something else stands here now, and it is said of it that it is new.")
    (raw / folder / "9.txt").write_text("This file was not there when the run looked.")
    (raw / folder / "2.txt").unlink()
    there = (raw, snapshot, settings)
    changed, new, gone = (
        shown(find(f"{folder}/{name}", raw=raw, snapshot=snapshot), nursery, there)
        for name in ("0.txt", "9.txt", "2.txt")
    )
    assert "has changed since snapshot 000001" in changed and "Something else" in changed
    assert "does not know this file" in new
    assert "is gone: shown is what snapshot 000001 says" in gone and FRAME["en"][0][0] in gone


def test_what_is_in_quarantine_or_skipped_says_why(corpus, nursery):
    raw, snapshot, _ = corpus
    assert "quarantine: empty.txt: empty" in shown(find("empty.txt", raw=raw, snapshot=snapshot), nursery, corpus)


def test_two_lookings_differ_where_a_block_does(corpus):
    raw, snapshot, _ = corpus
    found = find(f"pages/{SITES['en']}/1.html", raw=raw, snapshot=snapshot)
    (one,) = published(found, snapshot).documents.values()
    assert differing(one, one) == []
    blocks = [dict(row) for row in one.blocks]
    blocks[2]["label"] = "advert"
    other = type(one)(one.doc_id, one.document, blocks[:-1], one.sections)
    assert differing(one, other) == [2, len(blocks) - 1]
