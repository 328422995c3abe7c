import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import winnow
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
