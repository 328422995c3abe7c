import errno
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pipeline.__main__ import verdict
from pipeline.cli import winnow
from pipeline.cli_kit import GROUPS
from pipeline.errors import OutputError, RawFolderError, Reason, RuleError
from pipeline.run import run
from pipeline.schema import FLAGS
from pipeline.settings import Settings
from pipeline.store.marks import sealed, unsealed
from pipeline.types import Flag

WINNOW = str(Path(sys.executable).parent / "winnow")
ARTICLE = "全国碳排放权交易市场今日开市，首日成交量超过四百万吨，生态环境部有关负责人出席并讲话。\n" * 2
PAGE = (
    "<html><body><ul class=nav><li><a href=/>首页</a></li><li><a href=/n>新闻</a></li></ul>"
    f"<h1>碳市场今日开市</h1><p>{ARTICLE}</p><p>{ARTICLE}</p><div class=footer>京ICP备05000000号</div></body></html>"
)


def call(*arguments, cwd, **environment):
    return subprocess.run(
        [WINNOW, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    (folder / "raw").mkdir()
    (folder / "raw" / "page.html").write_text(PAGE, "utf-8")
    (folder / "raw" / "empty.txt").write_text("")
    return folder


@pytest.fixture(scope="module")
def ran(folder):
    return call("run", "raw", "processed", "--workers", "1", cwd=folder)


def test_a_run_ends_well_and_says_what_became_of_the_files(ran):
    assert ran.returncode == 0
    assert "quarantine: empty.txt: empty: The file has no bytes." in ran.stderr
    assert "Published snapshot 000001 in " in ran.stderr
    assert "2 raw files: 2 new (empty.txt, page.html)." in ran.stderr
    assert "2 records: 1 document, 0 duplicates, 1 quarantined, 0 skipped." in ran.stderr
    assert all(step in ran.stderr for step in ("report.html", "winnow sql", "winnow retry"))
    assert not set("\x1b\r") & set(ran.stderr)  # it is no terminal
    assert ran.stdout == ""


def test_strict_makes_quarantine_an_exit_code(folder, ran):
    assert call("run", "raw", "processed", "--strict", cwd=folder).returncode == 1


def test_path_sql_check_and_list_answer_for_the_live_snapshot(folder, ran):
    assert call("path", "documents", cwd=folder).stdout.endswith("snapshots/000001/documents/*.parquet\n")
    assert "碳市场今日开市" in call("sql", "select title from documents", cwd=folder).stdout
    assert "invariants hold" in call("check", cwd=folder).stdout
    assert "* 000001" in call("snapshots", "list", cwd=folder).stdout


def test_check_finds_a_part_that_was_changed(folder, tmp_path):
    assert call("run", folder / "raw", tmp_path / "out", cwd=tmp_path).returncode == 0
    (part,) = (tmp_path / "out" / "snapshots" / "000001" / "documents").iterdir()
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    broken = call("check", tmp_path / "out", cwd=tmp_path)
    assert (broken.returncode, "not as it was published" in broken.stderr) == (2, True)


def test_explain_shows_each_block_and_what_decided_it(folder):
    shown = call("explain", "raw/page.html", cwd=folder).stdout
    assert "京ICP备05000000号" in shown
    assert "rule:zh-" in shown
    assert "title" in shown
    assert "zh-Hans" in shown


def test_explain_says_why_a_file_is_no_document(folder):
    assert "empty" in call("explain", "raw/empty.txt", cwd=folder).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "missing"], "missing"),
        (["run", "raw", "processed", "--workers", "many"], "workers"),
        (["path", "documents", "nowhere"], "winnow run"),
        (["path", "docs"], "documents, sections"),
        (["sql", "select nonsense"], "The query failed"),
        (["explain", "missing.txt"], "missing.txt"),
    ],
)
def test_what_can_be_mended_is_one_sentence_and_exit_code_2(folder, ran, arguments, said):
    failed = call(*arguments, cwd=folder)
    assert failed.returncode == 2
    assert said in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RuleError("规则 is broken.", mend="Mend it."), 2, "规则 is broken. Mend it."),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "No space left on device. Make room on the disk"),
        (PermissionError(errno.EACCES, "Permission denied", "/a/文"), 2, "/a/文: Permission denied."),
        (MemoryError(), 2, "not enough memory"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 0, ""),
        (KeyboardInterrupt(), 130, "Stopped."),
        (click.UsageError("No such option: --x"), 2, "No such option: --x"),
    ],
)
def test_every_end_is_a_code_and_a_sentence(error, code, said):
    assert verdict(error)[0] == code
    assert said in verdict(error)[1]


def test_a_bug_is_called_one_and_its_traceback_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    try:
        {}["键"]
    except KeyError as error:
        code, said = verdict(error)
    (file,) = tmp_path.iterdir()
    assert (code, "a bug in Winnow: KeyError" in said, str(file) in said) == (2, True, True)
    assert "KeyError: '键'" in file.read_text("utf-8")


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("winnow sql 'select * from range(9999)' | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("winnow --help | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("winnow sql 'select 1' > /dev/full", 2, "No space left"),
        ("winnow run raw processed >&- 2>/dev/full", 0, ""),
        ("winnow run '' out", 2, "The name is empty"),
        ("winnow run raw raw/deep", 2, "lies in, the raw folder"),
        ("winnow explain raw", 2, "is a folder"),
        ("winnow run raw $'o\\xff'", 2, "no text (UTF-8)"),
        ("PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 LC_ALL=C winnow sql \"select '“碳' a\"", 0, ""),
    ],
)
def test_what_a_shell_does_to_a_command_ends_well_or_in_a_sentence(folder, ran, line, code, said):
    path = f"{Path(WINNOW).parent}:{os.environ['PATH']}"
    done = call_shell(line, cwd=folder, env={**os.environ, "PATH": path})
    assert (done.returncode, done.stderr.count("Traceback")) == (code, 0), done.stderr
    assert said in done.stderr


def call_shell(line, **options):
    return subprocess.run(["/bin/bash", "-c", line], capture_output=True, text=True, timeout=120, **options)


def test_nothing_that_a_terminal_acts_on_is_printed(folder, ran):
    nasty = "标题\x1b[2J\x9b1m\u202etxt\u2066"
    query = f"select 1 as \"{nasty}\", '{nasty}', chr(155) || chr(8238)"
    shown = call("sql", query, cwd=folder).stdout + call("sql", f"select {nasty}", cwd=folder).stderr
    shown += call("path", nasty, cwd=folder).stderr + call("explain", nasty, cwd=folder).stderr
    assert "标题" in shown
    assert not set("\x1b\x9b\u202e\u2066") & set(shown)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 2)])
def test_a_command_that_is_stopped_says_so_and_leaves_nothing_behind(folder, tmp_path, sent, code):
    """As a terminal does it: to the whole group, and twice, with the worker busy on a page."""
    (folder / "long").mkdir(exist_ok=True)
    (folder / "long" / "page.txt").write_text(ARTICLE * 60_000, "utf-8")
    process = subprocess.Popen(
        [WINNOW, "explain", "long/page.txt"],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not any(tmp_path.glob("winnow-*/*")):
        assert process.poll() is None
        time.sleep(0.01)
    for _ in range(2):
        os.killpg(process.pid, sent)
    said = process.communicate()[1]
    assert (process.returncode, list(tmp_path.iterdir())) == (code, [])
    assert [line for line in said.splitlines() if line.startswith("winnow: Stopped")] == said.splitlines()[-1:]
    assert "Traceback" not in said


def test_output_and_raw_folder_are_kept_apart_by_whatever_name(folder, ran):
    raw, out = folder / "raw", folder / "processed"
    (folder / "link").symlink_to(raw)
    before = sorted(raw.rglob("*"))
    pairs = [(raw, raw), (raw, raw / ".x"), (raw, folder / "link" / "x"), (folder / "link", raw), (out / ".state", out)]
    pairs += [(out / "current", out), (raw, out / ".." / "raw" / "x"), (folder, out)]
    for one, other in pairs:
        with pytest.raises(OutputError, match=r"raw folder"):
            run(one, other, settings=Settings(), runner=lambda jobs: [])
    assert sorted(raw.rglob("*")) == before


def test_explain_obeys_a_settings_file_where_a_run_told_which_folder_is_the_raw_one(folder, ran, tmp_path):
    (folder / "winnow.toml").write_text("workers = 'many'\n")
    (tmp_path / "page.html").write_text(PAGE, "utf-8")
    try:
        obeyed = call("explain", "raw/page.html", cwd=folder)
        among_raw = call("explain", "page.html", "--out", folder / "processed", cwd=folder / "raw")
        unknown = call("explain", tmp_path / "page.html", cwd=folder)
    finally:
        (folder / "winnow.toml").unlink()
    assert (obeyed.returncode, "workers" in obeyed.stderr) == (2, True)
    assert (among_raw.returncode, among_raw.stderr) == (0, "")
    assert (unknown.returncode, "was not obeyed" in unknown.stderr) == (0, True)


def test_explain_takes_the_settings_of_the_run_unless_others_are_named(folder, tmp_path):
    (tmp_path / "rules").mkdir()
    rule = 'id = "own-line"\nlabel = "advert"\nwhy = "w"\nmatch.pattern = "碳市场今日开市"\n'
    (tmp_path / "rules" / "own.toml").write_text(
        f'[[rule]]\n{rule}examples = ["碳市场今日开市"]\ncounterexamples = ["x"]\n'
    )
    (tmp_path / "page.txt").write_text(f"碳市场今日开市\n\n{ARTICLE}\n\n{ARTICLE}", "utf-8")
    (tmp_path / "raw").mkdir()
    (tmp_path / "page.txt").rename(tmp_path / "raw" / "page.txt")
    ran = call("run", "raw", "out", "--rules", "rules", "--workers", "1", "--quiet", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    as_run = call("explain", "raw/page.txt", "--out", "out", cwd=tmp_path)
    assert "rule:own-line" in as_run.stdout and "note:" not in as_run.stderr + as_run.stdout
    (tmp_path / "other").mkdir()
    other = call("explain", "raw/page.txt", "--out", "out", "--rules", "other", cwd=tmp_path)
    assert "rule:own-line" in other.stdout.partition("says otherwise")[2]
    assert "note: not as in the run" in other.stderr


def test_a_wrong_variable_is_named(folder):
    failed = call("run", "raw", cwd=folder, WINNOW_WROKERS="3")
    assert (failed.returncode, "WINNOW_WROKERS" in failed.stderr) == (2, True)


def test_every_setting_is_an_option_and_is_listed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(winnow, ["run", "--help"]).output
    listed = CliRunner().invoke(winnow, ["settings"]).output
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')}" in shown
        assert f"{name} = " in listed


def test_a_second_run_says_that_nothing_is_new_and_what_it_did_in_json(folder, ran):
    again = call("run", "raw", "processed", "--workers", "1", "--json-logs", cwd=folder)
    events = [json.loads(line) for line in again.stderr.splitlines()]
    assert events[-1]["event"] == "run_done"
    assert (events[-1]["published"], events[-1]["files"]) == (False, {"new": 0, "changed": 0, "gone": 0})
    assert [one["path"] for one in events if one["event"] == "quarantine"] == ["empty.txt"]
    said = call("run", "raw", "processed", "--workers", "1", cwd=folder).stderr
    assert "Nothing new: snapshot 000001 of " in said and "2 raw files, the same as before." in said
    failed = call("run", "missing", "--json-logs", cwd=folder)
    assert (failed.returncode, json.loads(failed.stderr)["event"]) == (2, "run_failed")


def test_help_shows_types_ranges_defaults_and_whole_sentences():
    shown = " ".join(CliRunner().invoke(winnow, ["run", "--help"]).output.split())
    assert (
        "--workers INTEGER How many child processes work at once; 0 means one a core. [from 0 to 1024; default: 0]"
        in shown
    )
    assert "--rules PATH" in shown and "--language-backend [lid176|langdetect]" in shown
    assert "--near-jaccard NUMBER" in shown and "[above 0 and at most 1; default: 0.5]" in shown
    assert "RAW The folder of raw files" in shown
    assert "TEXT" not in shown


#: Fails once rows were given already.
LATE = "case when range > 5000 then 'a' else '1' end"


def commands(group=winnow, names=()):
    for name, command in group.commands.items():
        yield [*names, name], command
        if isinstance(command, click.Group):
            yield from commands(command, [*names, name])


@pytest.mark.parametrize(
    ("names", "command"), list(commands()), ids=lambda one: "-".join(one) if isinstance(one, list) else ""
)
def test_every_argument_and_option_of_every_command_is_told_in_a_sentence(names, command):
    assert command.help.strip().split("\n")[0].endswith((".", "..."))
    for param in command.params:
        assert param.help, f"{names}: {param.name}"
        assert param.help.endswith((".", "]")), f"{names}: {param.name}: {param.help}"
    assert CliRunner().invoke(winnow, [*names, "--help"]).exit_code == 0


def test_every_setting_is_in_a_group_of_the_help():
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(Settings.model_fields)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "raw", "--workers", "9999"], "'--workers': '9999' is not a whole number from 0 to 1024."),
        (["run", "raw", "--memory-mb", "1.5"], "'--memory-mb': '1.5' is not a whole number of at least 512."),
        (["run", "raw", "--near-jaccard", "nan"], "'--near-jaccard': 'nan' is not a number above 0 and at most 1."),
        (["run", "raw", "--language-backend", "x"], "'x' is not one of 'lid176', 'langdetect'."),
        (["run", "s3://bucket/raw", "out"], "RAW: s3://bucket/raw is an address"),
        (["run", "raw", "HTTPS://example.org/out"], "OUT: HTTPS://example.org/out is an address"),
        (["run", "raw", "raw/page.html"], "raw/page.html is a file"),
        (["run", "raw/page.html", "out"], "is a file, not a folder"),
        (["run", "raw", "--quiet", "--verbose"], "only one can be"),
        (["sql", "select 1", "raw/page.html"], "raw/page.html is a file"),
        (["sql", "select nonsense from documents"], 'The query failed: Binder Error: Referenced column "nonsense"'),
        (["sql", f"select ({LATE})::int from range(9999)", "--format", "csv"], "The query failed: Conversion Error"),
        (["sql", f"select ({LATE})::int from range(9999)", "-o", "a.csv"], "The query failed: Conversion Error"),
        (["sql", "select 1", "--format", "parquet"], "-o FILE.parquet"),
        (["sql", "select 1", "-o", "processed/a.csv"], "which only runs write"),
        (["sql", "select 1", "--snapshot", "000099"], "There is no snapshot 000099"),
        (["metrics", "nowhere"], "There is no snapshot"),
        (["snapshots", "list", "nowhere"], "There is no snapshot"),
        (["report", "nowhere"], "There is no snapshot"),
        (["retry", "nowhere"], "There is no snapshot"),
        (["explain", "raw/page.html", "--out", "nowhere"], "There is no snapshot"),
        (["explain", "raw/page.html", "--raw", "nowhere"], "There is no folder nowhere"),
        (["explain", "raw/page.html:3"], "leave the member out"),
        (["explain", "s3://bucket/a.html"], "is an address"),
        (["explain", "0" * 32], "There is no document"),
    ],
)
def test_a_slip_is_told_in_words_and_touches_nothing(folder, ran, arguments, said):
    before = sorted(folder.rglob("*"))
    failed = call(*arguments, cwd=folder)
    assert failed.returncode == 2
    assert said in failed.stderr
    assert failed.stdout == ""
    assert sorted(folder.rglob("*")) == before


def test_a_run_is_not_begun_on_an_address_by_whatever_way_it_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text("x")
    for raw, out in (("raw", "s3://bucket/out"), ("s3://bucket/raw", "out")):
        with pytest.raises((OutputError, RawFolderError), match="is an address"):
            run(Path(raw), Path(out), settings=Settings(), runner=lambda jobs: [])
    assert [one.name for one in tmp_path.iterdir()] == ["raw"]


def test_a_snapshot_of_an_older_schema_is_said_to_be_one(folder, ran, tmp_path):
    shutil.copytree(folder / "processed", tmp_path / "out", symlinks=True)
    file = tmp_path / "out" / "snapshots" / "000001" / "_manifest.json"
    file.write_text(sealed({**unsealed(file.read_text()), "schema_version": "1"}))
    done = call("sql", "select 1 as a", "out", cwd=tmp_path)
    assert (done.returncode, "note: an older Winnow wrote snapshot 000001" in done.stderr) == (0, True)
    file.write_text(sealed({**unsealed(file.read_text()), "schema_version": "99"}))
    refused = call("sql", "select 1 as a", "out", cwd=tmp_path)
    assert (refused.returncode, "newer Winnow" in refused.stderr) == (2, True)


def test_metrics_are_those_that_the_run_wrote_but_for_the_age(folder, ran):
    printed = call("metrics", cwd=folder).stdout
    written = (folder / "processed" / "current" / "metrics.prom").read_text("utf-8")
    assert "winnow_documents 1\n" in printed
    changing = ("winnow_snapshot_age_seconds ", "winnow_last_run_")
    lines = [[line for line in text.splitlines() if not line.startswith(changing)] for text in (printed, written)]
    assert lines[0] == lines[1]


def test_sql_writes_files_and_answers_for_older_snapshots(folder, ran, tmp_path):
    done = call("sql", "select title from documents", "-o", tmp_path / "a.csv", "--snapshot", "000001", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert "碳市场今日开市" in (tmp_path / "a.csv").read_text("utf-8-sig")
    assert json.loads(call("sql", "select 1 as a", "--format", "jsonl", cwd=folder).stdout) == {"a": 1}
    assert call("sql", "select * from documents", cwd=folder).stdout.count("pipeline_version") == 1


def in_terminal(*arguments, cwd, columns=80, interrupt_at=None):
    """What a command prints on a terminal, and its exit code; ^C is typed once that is on the screen."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.environ.update({"TERM": "xterm", "COLUMNS": str(columns)})
        os.execv(WINNOW, [WINNOW, *map(str, arguments)])
    said = b""
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        said += data
        if interrupt_at and interrupt_at in said:
            os.write(fd, b"\x03")
            interrupt_at = None
    os.close(fd)
    return said.decode("utf-8", "replace"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_on_a_terminal_every_stage_has_a_bar_that_ends(folder, tmp_path):
    said, code = in_terminal("run", folder / "raw", tmp_path / "out", "--workers", "1", cwd=folder)
    drawn = said.rpartition("scan")[2].partition("quarantine:")[0]
    assert code == 0
    assert drawn.count("✓") == 7 and "▸" not in drawn  # that of scan stands before its name
    assert [
        stage for stage in ("clean", "learn", "finish", "dedup", "assemble", "check", "publish") if stage not in drawn
    ] == []


def test_ctrl_c_says_what_is_kept(folder, tmp_path):
    said, code = in_terminal(
        "run", folder / "raw", tmp_path / "out", "--workers", "1", cwd=folder, interrupt_at=b"clean"
    )
    assert code == 130
    assert "Stopped. Nothing was published; what was cleaned is kept" in " ".join(said.split())
    assert "✗" in said


def test_the_rules_pass_their_own_examples():
    tried = CliRunner().invoke(winnow, ["rules", "test"])
    assert (tried.exit_code, " 0 failures" in tried.output) == (0, True)


def test_every_flag_and_reason_is_explained_in_the_data_dictionary():
    assert set(FLAGS) == set(Flag)
    shown = CliRunner().invoke(winnow, ["dictionary"]).output
    assert all(f"`{one.value}`" in shown for one in (*Flag, *Reason))


def test_the_data_dictionary_in_docs_is_the_generated_one():
    shown = CliRunner().invoke(winnow, ["dictionary"]).output
    assert shown == (Path(__file__).parent.parent / "docs" / "data-dictionary.md").read_text("utf-8")


def test_warm_compiles_what_a_first_run_would_and_says_where_it_is_kept(folder):
    done = call("warm", cwd=folder, NUMBA_DEBUG="1")
    assert done.returncode == 0, done.stderr
    assert "achine code" in done.stdout


def test_who_only_schedules_loads_nothing_that_children_alone_need():
    code = "import pipeline.cli, pipeline.local, pipeline.run, pipeline.explain, sys; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "pipeline.stages.dedup" in loaded
    assert not loaded & {
        "numba",
        "fasttext",
        "bs4",
        "ftfy",
        "warcio",
        "requests",
        "duckdb",
        "jinja2",
        "pipeline.recipe",
    }
