import os
import subprocess
import sys

import pytest

from pipeline.safe_path import inside, safe_environment, take_nothing_from
from pipeline.workers.nursery import Nursery


def test_a_folder_holds_itself_and_what_lies_in_it_by_any_name(tmp_path):
    raw = tmp_path / "原始"
    (raw / "a").mkdir(parents=True)
    (tmp_path / "原始2").mkdir()
    (tmp_path / "link").symlink_to(raw / "a")
    held = [raw, raw / "a", raw / "not" / "there", tmp_path / "link" / "x", tmp_path / "原始2" / ".." / "原始"]
    assert [inside(one, raw) for one in held] == [True] * len(held)
    assert [inside(one, raw) for one in (tmp_path, tmp_path / "原始2", tmp_path / "gone")] == [False] * 3
    assert inside(raw / "a", tmp_path / "link")
    assert inside(tmp_path / "gone" / "deep", tmp_path / "gone")


def test_a_folder_is_known_by_its_inode_where_a_mount_gives_it_another_name(tmp_path, monkeypatch):
    (tmp_path / "raw").mkdir()
    (tmp_path / "mounted").mkdir()
    real = os.stat

    def stat(path, *args, **kwargs):
        return real(str(path).replace("mounted", "raw"), *args, **kwargs)

    monkeypatch.setattr(os, "stat", stat)
    assert inside(tmp_path / "mounted" / "out", tmp_path / "raw")


@pytest.mark.parametrize(
    ("named", "kept"),
    [
        ("", None),
        (":", None),
        (".:/opt/mine::../raw", "/opt/mine"),
        ("RAW:RAW/deep:/opt/mine:/opt/更多", "/opt/mine:/opt/更多"),
    ],
)
def test_what_means_the_working_folder_or_lies_in_raw_is_not_handed_on(tmp_path, named, kept):
    given = {"PYTHONPATH": named.replace("RAW", str(tmp_path)), "LANG": "C"}
    safe = safe_environment(given, tmp_path)
    assert (safe.get("PYTHONPATH"), safe["PYTHONSAFEPATH"], safe["LANG"]) == (kept, "1", "C")


def test_this_process_forgets_the_raw_folder_and_keeps_what_is_installed(tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    before = list(sys.path)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "raw"), str(mine), *before])
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'raw'}:{mine}")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    take_nothing_from(tmp_path / "raw")
    assert sys.path == [str(mine), *before]
    assert (os.environ["PYTHONPATH"], os.environ.pop("PYTHONSAFEPATH")) == (str(mine), "1")


def test_a_nursery_imports_nothing_from_the_working_folder(tmp_path, monkeypatch):
    """Where scraped files have modules' names: Python's, libraries' and our own."""
    for name in ("resource", "json", "sitecustomize", "usercustomize", "numpy", "pipeline"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\nraise ImportError")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", ":.")
    nursery = Nursery()
    nursery.start()
    process = nursery._process
    process.stdin.close()  # it has no work: it imports what it needs, and ends
    assert (process.wait(), (tmp_path / "canary").exists()) == (0, False)
    process.stdout.close()


def test_a_command_takes_no_module_where_a_script_left_python_path_half_empty(tmp_path):
    for name in ("click", "rich", "pyarrow", "pydantic"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\nraise ImportError")
    environment = {**os.environ, "PYTHONPATH": ":.:/nowhere"}
    done = subprocess.run(
        [f"{sys.prefix}/bin/winnow", "rules", "list"], cwd=tmp_path, env=environment, capture_output=True
    )
    assert (done.returncode, (tmp_path / "canary").exists()) == (0, False), done.stderr
