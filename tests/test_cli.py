import errno
import os
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
from pipeline.errors import OutputError, RuleError
from pipeline.run import run
from pipeline.settings import Settings

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
    assert "empty.txt: empty" in ran.stderr
    assert "published snapshot 000001" in ran.stderr


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
    try:
        obeyed = call("explain", "raw/page.html", cwd=folder)
        among_raw = call("explain", "page.html", "--out", folder / "processed", cwd=folder / "raw")
        unknown = call("explain", "raw/page.html", "--out", tmp_path, cwd=folder)
    finally:
        (folder / "winnow.toml").unlink()
    assert (obeyed.returncode, "workers" in obeyed.stderr) == (2, True)
    assert (among_raw.returncode, among_raw.stderr) == (0, "")
    assert (unknown.returncode, "was not obeyed" in unknown.stderr) == (0, True)


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


def test_the_rules_pass_their_own_examples():
    tried = CliRunner().invoke(winnow, ["rules", "test"])
    assert (tried.exit_code, " 0 failures" in tried.output) == (0, True)


def test_the_data_dictionary_in_docs_is_the_generated_one():
    shown = CliRunner().invoke(winnow, ["dictionary"]).output
    assert shown == (Path(__file__).parent.parent / "docs" / "data-dictionary.md").read_text("utf-8")
