import gzip
import hashlib
import io
import json
import os
import random
import re
import shutil
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from pipeline.errors import InvariantError, OutputError, RawFolderError, RuleError, SnapshotError
from pipeline.local import local_runner
from pipeline.report import html_report, print_report
from pipeline.run import run
from pipeline.schema import DATASETS
from pipeline.settings import Settings
from pipeline.store.check import check_folder, check_snapshot, check_state
from pipeline.store.layout import staged_part
from pipeline.store.marks import sealed
from pipeline.store.snapshots import latest_or_none
from pipeline.workers.nursery import HERE
from pipeline.workers.supervise import WorkerError

ROOT = Path(__file__).parent.parent
PARAGRAPH = {
    "en": "The {n} provinces agreed on a plan to cut emissions, and officials said that work on it would begin at once. "
    "Observers from {n} countries welcomed the step and asked for yearly figures that anybody can look up.",
    "zh": "第{n}次会议讨论了全国碳排放权交易市场的建设进展，与会代表认为，应当进一步完善制度体系，提高数据质量。"
    "会议要求各地区在{n}日之内提交自查报告，并公布企业名单，接受社会监督。",
}


def article(lang, n):
    return "\n".join(PARAGRAPH[lang].format(n=n * 7 + i) + f" ({n}-{i})" for i in range(4))


def page(lang, n):
    body = "".join(f"<p>{line}</p>" for line in article(lang, n).split("\n"))
    return (
        f"<html><head><title>Notice {n}</title></head><body><div class=nav><a href=/>Home</a> | <a href=/n>News</a></div>"
        f"<h1>Notice number {n}</h1><article>{body}</article><div class=footer>Copyright 2024 example.org</div></body></html>"
    )


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text(article("en", 1), "utf-8")
    (folder / "b.html").write_text(page("zh", 2), "utf-8")
    (folder / "deep" / "gbk.txt").write_bytes(article("zh", 3).encode("gbk"))
    (folder / "copy-of-a.txt").write_text(article("en", 1), "utf-8")
    (folder / "c.txt.gz").write_bytes(gzip.compress(article("en", 4).encode()))
    lines = [json.dumps({"text": article("zh", n), "url": f"https://news.example.cn/{n}"}) for n in (5, 6)]
    (folder / "d.jsonl").write_text("\n".join([*lines, "{not json", ""]), "utf-8")
    (folder / "empty.txt").write_text("")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    (folder / ".hidden").write_text("x")
    return folder


def do(raw, out, **options):
    settings = Settings(**{"workers": 2, **options.pop("settings", {})})
    with local_runner(settings.n_workers) as (runner, on_stage):
        return run(raw, out, settings=settings, runner=runner, on_stage=on_stage, **options)


def content(snapshot):
    """All rows but what the clock decides."""
    found = {}
    for name in ("documents", "sections", "blocks", "duplicates", "quarantine", "inputs"):
        rows = [{k: v for k, v in row.items() if k != "first_seen_at"} for row in snapshot.table(name).to_pylist()]
        found[name] = sorted(rows, key=lambda row: json.dumps(row, default=str))
    return found


def test_every_record_ends_in_exactly_one_place(raw, tmp_path):
    report = do(raw, tmp_path / "out")
    assert report.counts == {
        "files": 9,
        "records": 11,
        "documents": 6,
        "duplicates": 1,
        "quarantined": 2,
        "skipped": 2,
    }
    inputs = {row["path"]: row for row in report.snapshot.table("inputs").to_pylist()}
    assert set(inputs) == {str(p.relative_to(raw)) for p in raw.rglob("*") if p.is_file()}
    assert inputs["d.jsonl"]["outcome"] == "mixed"
    assert inputs["picture.png"]["outcome"] == "skipped"
    quarantine = {
        (row["path"], row["member"]): row["reason"] for row in report.snapshot.table("quarantine").to_pylist()
    }
    assert quarantine == {("d.jsonl", "3"): "broken_json", ("empty.txt", None): "empty"}
    assert check_snapshot(report.snapshot) > 5


def test_what_people_have_becomes_documents_with_their_origin(tmp_path):
    """A saved page, a mail, a feed, a table, lines in GBK and an index's answer, each under a name that people give."""
    folder = tmp_path / "raw"
    folder.mkdir()
    texts = [article(lang, n) for n, lang in enumerate(("zh", "en") * 3, 40)]
    html = ["".join(f"<p>{line}</p>" for line in text.splitlines()) for text in texts]
    head = "From: <Saved by Blink>\nSnapshot-Content-Location: https://a.example.org/1\nMIME-Version: 1.0\n"
    (folder / "page.html").write_text(
        f"{head}Content-Type: text/html; charset=utf-8\n\n<html>{html[0]}</html>", "utf-8"
    )
    head = "From: Ann Lee <a@b.example.org>\nDate: Tue, 5 Mar 2024 08:30:00 +0000\nMessage-ID: <1@b>\nSubject: Plan\n"
    (folder / "mail.txt").write_text(f"{head}\n{texts[1]}", "utf-8")
    item = f"<item><title>会议</title><link>https://c.example.org/1</link><description><![CDATA[{html[2]}]]></description></item>"
    (folder / "feed").write_text(f"<rss version='2.0'><channel>{item}</channel></rss>", "utf-8")
    (folder / "table.csv").write_text(f'"title","body","author"\n"Plan","{texts[3]}","Bo Ek"\n', "utf-8")
    line = json.dumps(
        {"标题": "会议", "正文": texts[4], "来源": "晚报", "发布时间": "2024-03-05 08:30"}, ensure_ascii=False
    )
    (folder / "lines.jl").write_bytes(f"{line}\n".encode("gb18030"))
    answer = {"hits": {"hits": [{"_source": {"title": "Plan", "url": "https://d.example.org/1", "blurb": texts[5]}}]}}
    (folder / "answer.json").write_text(json.dumps(answer), "utf-8")
    (folder / "robots.txt").write_text("User-agent: *\nDisallow: /\n")
    snapshot = do(folder, tmp_path / "out").snapshot
    assert snapshot.manifest["counts"]["quarantined"] == 0
    found = {row["path"]: row for row in snapshot.table("documents").to_pylist()}
    kept = {path: " ".join(row["text"].split()) for path, row in found.items()}
    wanted = dict(zip(("page.html", "mail.txt", "feed", "table.csv", "lines.jl", "answer.json"), texts, strict=True))
    assert kept == {path: " ".join(text.split()) for path, text in wanted.items()}
    assert (found["page.html"]["url"], found["page.html"]["published_at"]) == ("https://a.example.org/1", None)
    assert (found["mail.txt"]["author"], found["table.csv"]["author"]) == ("Ann Lee", "Bo Ek")
    assert (found["feed"]["title"], found["feed"]["url"]) == ("会议", "https://c.example.org/1")
    lines = found["lines.jl"]
    assert (lines["source"], lines["encoding"], lines["published_at"].isoformat()) == (
        "晚报",
        "gb18030",
        "2024-03-05T00:30:00+00:00",
    )
    assert found["answer.json"]["url"] == "https://d.example.org/1"
    reasons = {row["path"]: row["reason"] for row in snapshot.table("inputs").to_pylist() if row["reason"]}
    assert reasons == {"robots.txt": "no document: robots.txt"}


def test_a_copy_is_a_duplicate_of_the_document_that_stays(raw, tmp_path):
    snapshot = do(raw, tmp_path / "out").snapshot
    (duplicate,) = snapshot.table("duplicates").to_pylist()
    documents = {row["doc_id"]: row for row in snapshot.table("documents").to_pylist()}
    original = documents[duplicate["duplicate_of"]]
    assert {duplicate["path"], original["path"]} == {"a.txt", "copy-of-a.txt"}
    assert (duplicate["method"], duplicate["jaccard"], original["n_duplicates"]) == ("exact", 1.0, 1)


def test_a_second_run_with_nothing_new_publishes_nothing(raw, tmp_path):
    first = do(raw, tmp_path / "out")
    os.utime(raw / "a.txt")  # touched, but the same bytes
    second = do(raw, tmp_path / "out")
    assert (second.published, second.snapshot.name, second.counts) == (False, first.snapshot.name, first.counts)


def test_the_result_does_not_depend_on_workers_shards_or_kept_results(raw, tmp_path):
    expected = content(do(raw, tmp_path / "one", settings={"workers": 1}).snapshot)
    assert content(do(raw, tmp_path / "many", settings={"workers": 3, "shard_files": 2}).snapshot) == expected
    assert content(do(raw, tmp_path / "one", full=True).snapshot) == expected


def test_after_random_changes_the_next_run_equals_a_run_from_nothing(raw, tmp_path):
    rng = random.Random(3)
    do(raw, tmp_path / "out")
    for step in range(3):
        for path in rng.sample(sorted(p for p in raw.rglob("*.txt")), 2):
            match rng.choice(["delete", "edit", "rename"]):
                case "delete":
                    path.unlink()
                case "edit":
                    path.write_text(article("en", 20 + step), "utf-8")
                case "rename":
                    path.rename(path.with_name(f"renamed-{step}-{path.name}"))
        (raw / f"new-{step}.txt").write_text(article("zh", 40 + step), "utf-8")
        incremental = do(raw, tmp_path / "out").snapshot
        assert content(incremental) == content(do(raw, tmp_path / f"fresh-{step}").snapshot)


def test_first_seen_is_kept_from_run_to_run(raw, tmp_path):
    def times(snapshot):
        return {row["doc_id"]: row["first_seen_at"] for row in snapshot.table("documents").to_pylist()}

    before = times(do(raw, tmp_path / "out").snapshot)
    (raw / "new.txt").write_text(article("en", 9), "utf-8")
    after = times(do(raw, tmp_path / "out").snapshot)
    assert {doc_id: after[doc_id] for doc_id in before} == before
    (new,) = set(after) - set(before)
    assert after[new] > max(before.values())


def test_a_file_of_bad_records_is_bounded_and_every_one_of_them_is_counted(raw, tmp_path):
    lines = [json.dumps({"text": article("zh", 50)}), *["{坏", '{"text": ""}'] * 150, "{last"]
    (raw / "bad.jsonl").write_text("\n".join(lines), "utf-8")
    with zipfile.ZipFile(raw / "litter.zip", "w") as archive:
        archive.writestr("a.txt", article("en", 51))
        for n in range(130):
            archive.writestr(f"{n:03d}/.隐藏", "x")
    first = do(raw, tmp_path / "out")
    rows = [row for row in first.snapshot.table("quarantine").to_pylist() if row["path"] == "bad.jsonl"]
    assert (len(rows), sum(row["n_records"] for row in rows)) == (102, 301)
    rest = {(row["stage"], row["reason"]): row for row in rows if row["n_records"] > 1}
    assert {kind: (row["member"], row["n_records"]) for kind, row in rest.items()} == {
        ("read", "broken_json"): ("102", 101),
        ("read", "empty"): ("103", 100),
    }
    assert all(f"{row['n_records'] - 1} more records" in row["message"] for row in rest.values())
    assert len({row["doc_id"] for row in rows}) == len(rows)
    inputs = {row["path"]: row for row in first.snapshot.table("inputs").to_pylist()}
    assert (inputs["bad.jsonl"]["n_quarantined"], inputs["bad.jsonl"]["n_documents"]) == (301, 1)
    skipped = inputs["litter.zip"]["skipped"]
    assert [one["member"] for one in skipped] == [f"{n:03d}/.隐藏" for n in range(101)]
    assert [one["n_records"] for one in skipped] == [1] * 100 + [30]
    assert {one["reason"] for one in skipped} == {inputs["litter.zip"]["reason"]} == {"hidden"}
    assert first.left_out.num_rows < 230
    assert first.counts["quarantined"] == 2 + 301 and first.counts["skipped"] == 2 + 130

    (raw / "bad.jsonl").rename(raw / "bad2.jsonl")
    (raw / "new.txt").write_text(article("en", 60), "utf-8")
    again = do(raw, tmp_path / "out", settings={"workers": 1, "shard_files": 3}).snapshot
    assert content(again) == content(do(raw, tmp_path / "fresh").snapshot)

    def first_seen(snapshot):
        return {(row["path"], row["member"]): row["first_seen_at"] for row in snapshot.table("quarantine").to_pylist()}

    before, after = first_seen(first.snapshot), first_seen(again)
    kept = before.keys() & after.keys()
    assert kept == {("d.jsonl", "3"), ("empty.txt", None)} and all(before[one] == after[one] for one in kept)
    assert min(after[one] for one in after.keys() - kept) > max(before.values())


def as_schema(out, version, drop):
    """The live snapshot as a version of another schema would have left it."""
    snapshot = latest_or_none(out)
    parts = []
    for part in snapshot.parts:
        file = snapshot.path / part.dataset / part.name
        if part.dataset in drop:
            table = pq.read_table(file).drop_columns(drop[part.dataset])
            file.unlink()
            pq.write_table(table, file)
            part = staged_part(part.dataset, file)
            file = file.rename(file.with_name(part.name))
        parts.append(asdict(part))
    manifest = {**snapshot.manifest, "schema_version": version, "parts": parts}
    (snapshot.path / "_manifest.json").write_text(sealed(manifest))


def test_an_output_folder_of_an_older_schema_is_rebuilt_and_of_a_newer_one_refused(raw, tmp_path):
    out = tmp_path / "out"
    before = do(raw, out).snapshot
    expected = content(before)
    seen = {row["doc_id"]: row["first_seen_at"] for row in before.table("documents").to_pylist()}
    as_schema(out, "1", {"quarantine": ["n_records"], "inputs": ["skipped"]})
    with pytest.raises(SnapshotError, match="older Winnow"):
        check_snapshot(latest_or_none(out))
    report = do(raw, out)
    assert report.published and content(report.snapshot) == expected
    assert {row["doc_id"]: row["first_seen_at"] for row in report.snapshot.table("documents").to_pylist()} == seen
    assert len(report.snapshot.table("runs")) == 2
    assert check_snapshot(report.snapshot)
    as_schema(out, "99", {})
    with pytest.raises(SnapshotError, match="newer Winnow"):
        do(raw, out)
    assert latest_or_none(out).name == report.snapshot.name


def test_a_page_of_nothing_but_navigation_is_quarantined_with_its_blocks(raw, tmp_path):
    (raw / "nav.html").write_text("<ul class=nav>" + "<li><a href=/x>Home</a></li>" * 30 + "</ul>", "utf-8")
    snapshot = do(raw, tmp_path / "out").snapshot
    (row,) = [row for row in snapshot.table("quarantine").to_pylist() if row["path"] == "nav.html"]
    assert row["reason"] == "no_content"
    assert [b for b in snapshot.table("blocks").to_pylist() if b["doc_id"] == row["doc_id"]]


def test_what_can_be_mended_is_said_before_anything_is_written(raw, tmp_path):
    with pytest.raises(RawFolderError):
        do(tmp_path / "missing", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RawFolderError):
        do(tmp_path / "empty", tmp_path / "out")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.toml").write_text("[[rule]]\nid = 'x'\n")
    with pytest.raises(RuleError, match=r"mine\.toml"):
        do(raw, tmp_path / "out", settings={"rules": tmp_path / "rules"})
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        do(raw, tmp_path / "file")


def flip(file, at=0):
    """One bit, in its middle or at a place from its end, in a file of its own: what is linked elsewhere stays whole."""
    content = bytearray(file.read_bytes())
    content[at if at < 0 else len(content) // 2] ^= 4
    file.unlink()
    file.write_bytes(content)


def largest(folder, name):
    return max(folder.glob(name), key=lambda file: file.stat().st_size)


DAMAGE = {
    "a part": lambda out: [largest(out, "snapshots/000002/documents/*")],
    "parts of every dataset, notes of what is kept": lambda out: [
        *(largest(out, f"snapshots/000002/{name}/*") for name in DATASETS),
        *out.rglob("contents.json"),
        *out.rglob("pack.json"),
    ],
    "the quarantine, where none can read it": lambda out: [
        *(largest(out, f"snapshots/000002/{name}/*") for name in ("quarantine", "inputs"))
    ],
    "all that is kept": lambda out: [
        file for file in out.rglob(".state/**/*") if file.is_file() and file.stat().st_size
    ],
    "the manifest, the marker and LATEST": lambda out: [
        out / name for name in ("snapshots/000002/_manifest.json", ".winnow", "LATEST")
    ],
}


def test_what_is_damaged_is_made_anew_said_once_and_then_all_is_as_if_nothing_had_been(raw, tmp_path):
    def rows(snapshot):
        seen = {row["doc_id"]: row["first_seen_at"] for row in snapshot.table("documents").to_pylist()}
        return content(snapshot), seen, snapshot.table("runs")["run_id"].to_pylist()

    with local_runner(2) as (runner, on_stage):

        def go(out):
            return run(raw, out, settings=Settings(workers=2, shard_files=3), runner=runner, on_stage=on_stage)

        go(tmp_path / "base")
        (raw / "second.txt").write_text(article("zh", 50), "utf-8")
        go(tmp_path / "base")
        (raw / "third.txt").write_text(article("en", 60), "utf-8")
        shutil.copytree(tmp_path / "base", tmp_path / "sound", symlinks=True)
        expected, seen, runs = rows(go(tmp_path / "sound").snapshot)
        new = max(seen, key=lambda doc_id: seen[doc_id])
        for name, chosen in DAMAGE.items():
            out = tmp_path / name
            shutil.copytree(tmp_path / "base", out, symlinks=True)
            for file in chosen(out):
                flip(file, at=-1 if "none can read" in name else 0)  # the last letter of what tells a Parquet file
            report = go(out)
            assert report.notices, name
            found, found_seen, found_runs = rows(report.snapshot)
            assert found == expected, name
            if "every dataset" not in name:  # then only the number of the day is left
                assert {one: at for one, at in found_seen.items() if one != new} == {
                    one: at for one, at in seen.items() if one != new
                }, name
            assert found_runs[:2] == runs[:2] and len(found_runs) == 3, name
            again = go(out)
            assert (again.published, again.notices) == (False, ()), name
            assert check_snapshot(again.snapshot) and check_state(out)
            check_folder(out)


def test_the_state_is_proven_and_what_is_lost_of_it_is_named(raw, tmp_path):
    out = tmp_path / "out"
    do(raw, out)
    assert check_state(out) == 4
    for name in (
        "packs/*/pack.json",
        "packs/*/contents.json",
        "packs/*/*.records.parquet",
        "finished/*/given_up.parquet",
    ):
        (file,) = (out / ".state").glob(name)
        content = file.read_bytes()
        file.unlink()
        with pytest.raises(SnapshotError, match=re.escape(str(file))):
            check_state(out)
        file.write_bytes(content)
    assert check_state(out) == 4


def test_a_notice_is_told_in_the_terminal_and_on_the_page_and_nothing_in_it_acts(raw, tmp_path):
    report = do(raw, tmp_path / "out")
    assert report.notices == ()
    report = replace(report, notices=("The part <b>坏\x1b[2J</b> was made anew.",))
    console = Console(record=True, width=200, file=io.StringIO())
    print_report(report, console)
    assert "The part <b>坏\\x1b[2J</b> was made anew." in console.export_text()
    assert "The part &lt;b&gt;坏" in html_report(report)


def test_parts_are_zstd_and_sorted(raw, tmp_path):
    snapshot = do(raw, tmp_path / "out").snapshot
    for file in snapshot.files("documents"):
        assert pq.read_metadata(file).row_group(0).column(0).compression == "ZSTD"
        rows = pq.read_table(file, columns=["site", "doc_id"]).to_pylist()
        assert rows == sorted(rows, key=lambda row: (row["site"] is None, row["site"] or "", row["doc_id"]))


@pytest.fixture
def broken(tmp_path, monkeypatch, cold):
    """Breaks a function of the stages, in children only, on all records but those of the warm-up."""

    def break_(function, how):
        code = f"""
import sys
if "pipeline.stages.child" in sys.orig_argv:
    import pipeline.stages.children as stages
    real = stages.{function}
    def {function}(one, **named):
        if getattr(one, "record", one).path == "warm":
            return real(one, **named)
        {how}
    stages.{function} = {function}
"""
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "sitecustomize.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), str(ROOT)]))

    return break_


MISSING = "import a_module_that_is_missing"
CHANGED = "raise AttributeError('this parser has changed')"


@pytest.mark.parametrize(
    ("function", "how", "n_files", "error"),
    [
        ("clean_record", MISSING, 4, WorkerError),
        ("finish_record", MISSING, 4, WorkerError),
        ("clean_record", CHANGED, 40, WorkerError),
        ("clean_record", CHANGED, 4, InvariantError),
        ("finish_record", CHANGED, 4, InvariantError),
    ],
)
def test_what_a_broken_installation_made_is_not_kept(tmp_path, broken, monkeypatch, function, how, n_files, error):
    raw, out = tmp_path / "many", tmp_path / "out"
    raw.mkdir()
    for n in range(n_files):
        (raw / f"{n}.txt").write_text(article("en", n), "utf-8")
    broken(function, how)
    with pytest.raises(error, match=r"make test.*failed\.html"):
        do(raw, out)
    assert latest_or_none(out) is None
    page = (out / "failed.html").read_text("utf-8")
    assert ("a_module_that_is_missing" if how == MISSING else "this parser has changed") in page
    monkeypatch.delenv("PYTHONPATH")
    HERE.close_idle()
    report = do(raw, out)
    assert (report.counts["quarantined"], report.counts["documents"] + report.counts["duplicates"]) == (0, n_files)
    assert not (out / "failed.html").exists()


def test_a_run_that_failed_after_cleaning_leaves_its_work_to_the_next(raw, tmp_path, monkeypatch):
    reused = []

    def counted(jobs, real):
        results = real(jobs)
        reused.extend(one.reused for job, one in zip(jobs, results, strict=True) if job.stage == "clean")
        return results

    def refuse(*_, **__):
        raise OutputError("No.")

    with local_runner(1) as (runner, on_stage):
        settings = Settings(workers=1, shard_files=2)
        with monkeypatch.context() as patch:
            patch.setattr("pipeline.run.seal", refuse)
            with pytest.raises(OutputError):
                run(raw, tmp_path / "out", settings=settings, runner=runner, on_stage=on_stage)
        again = run(
            raw, tmp_path / "out", settings=settings, runner=lambda jobs: counted(jobs, runner), on_stage=on_stage
        )
    assert reused and all(reused)
    assert content(again.snapshot) == content(do(raw, tmp_path / "fresh").snapshot)


def do_while(raw, out, meddle, stage="clean", **options):
    """A run during which something happens to the raw folder when a stage begins."""
    with local_runner(2) as (runner, on_stage):

        def begin(name):
            if name == stage:
                meddle()
            on_stage(name)

        return run(raw, out, settings=Settings(workers=2, **options), runner=runner, on_stage=begin)


def test_a_file_that_changes_in_every_run_is_named_and_after_three_runs_read_as_a_copy(tmp_path):
    out, raw = tmp_path / "out", tmp_path / "raw"
    log = raw / "growing.txt"
    raw.mkdir()
    (raw / "a.txt").write_text(article("en", 1), "utf-8")
    log.write_text(article("zh", 21), "utf-8")

    def grow():
        with log.open("a", encoding="utf-8") as file:
            file.write("\n" + PARAGRAPH["en"].format(n=log.stat().st_size))

    def rows(snapshot):
        found = snapshot.table("quarantine").to_pylist()
        return [(one["reason"], one["attempts"]) for one in found if one["path"] == log.name]

    for n in (1, 2, 3):
        report = do_while(raw, out, grow)
        assert rows(report.snapshot) == [("file_changed", n)]
        assert sum(log.name in sentence for sentence in report.notices) == (n > 1)
    for _ in range(2):
        text = log.read_text("utf-8")
        report = do_while(raw, out, grow)
        assert not rows(report.snapshot)
        assert sum(log.name in sentence and "copy" in sentence for sentence in report.notices) == 1
        (document,) = (one for one in report.snapshot.table("documents").to_pylist() if one["path"] == log.name)
        assert document["raw_sha256"] == hashlib.sha256(text.encode()).hexdigest()
        assert document["text"].replace("\n", "") == text.replace("\n", "")
        check_snapshot(report.snapshot)
        assert not (out / ".state" / "run").exists()
    assert content(do(raw, out).snapshot) == content(do(raw, tmp_path / "other").snapshot)


def test_edits_with_size_and_time_unchanged_are_seen_and_a_touch_is_nothing_new(raw, tmp_path):
    out = tmp_path / "out"
    for file in raw.rglob("*"):
        os.utime(file, (1_000_000, 1_000_000))
    do(raw, out)
    (raw / "a.txt").touch()
    (raw / "b.html").chmod(0o600)
    shutil.copytree(raw / "deep", raw / "moved")
    shutil.rmtree(raw / "deep")
    (raw / "moved").rename(raw / "deep")
    assert not do(raw, out).published
    text = (raw / "a.txt").read_text("utf-8")
    (raw / "a.txt").write_text(text[::-1], "utf-8")
    os.utime(raw / "a.txt", (1_000_000, 1_000_000))
    assert content(do(raw, out).snapshot) == content(do(raw, tmp_path / "other").snapshot)


def test_a_raw_folder_that_goes_away_under_a_run_costs_a_row_a_file(raw, tmp_path):
    out = tmp_path / "out"
    report = do_while(raw, out, lambda: raw.rename(tmp_path / "away"))
    reasons = {one["path"]: one["reason"] for one in report.snapshot.table("quarantine").to_pylist()}
    assert len(reasons) == report.counts["files"] - 1  # the hidden one was never to be read
    assert set(reasons.values()) == {"file_changed"}
    with pytest.raises(RawFolderError):
        do(raw, out)
    (tmp_path / "away").rename(raw)
    assert content(do(raw, out).snapshot) == content(do(raw, tmp_path / "other").snapshot)
