"""Whoever runs Prefect already carries the flow out in a way of their own: each way, as it is documented."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from serving import ask, started, until
from test_serve import server

from pipeline.store.snapshots import open_snapshot

__all__ = ["server"]  # a fixture
ROOT = Path(__file__).parents[2]

SCRIPT = """
from flows.ingest import ingest

if __name__ == "__main__":
    ingest.serve(name="ingest", parameters={"raw": "raw", "out": "processed"})
"""
POOL = "winnow"


def prefect(environment, folder, *words):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "prefect", "--no-prompt", *words], env=environment, cwd=folder, capture_output=True
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode("utf-8", "replace")[-3000:]


def of_a_script(environment, folder):
    (folder / "mine.py").write_text(SCRIPT, "utf-8")
    return ["mine.py"]


def of_flow_serve(environment, folder):
    return ["-m", "prefect", "flow", "serve", "flows/ingest.py:ingest", "--name", "ingest"]


def of_a_work_pool(environment, folder):
    prefect(environment, folder, "work-pool", "create", POOL, "--type", "process")
    prefect(environment, folder, "deploy", "--all")
    return ["-m", "prefect", "worker", "start", "--pool", POOL]


@pytest.mark.parametrize("way", [of_a_script, of_flow_serve, of_a_work_pool])
def test_a_run_that_is_asked_for_completes_with_the_settings_of_where_it_is_carried_out(way, server, tmp_path):
    shutil.copytree(ROOT / "flows", tmp_path / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "page.txt").write_text(
        "The council met on Monday and agreed on a plan.\n会议通过了方案。", "utf-8"
    )
    environment = {
        **os.environ,
        **server,
        "WINNOW_ROOTS": str(tmp_path),
        "WINNOW_KEEP_SNAPSHOTS": "7",
        "PYTHONSAFEPATH": "1",
    }
    with started(way(environment, tmp_path), environment, tmp_path, way.__name__) as (process, said):

        def deployment():
            assert process.poll() is None, said.read_text()
            found = ask(server, "POST", "/deployments/filter", {"deployments": {"name": {"any_": ["ingest"]}}})
            return next((one for one in found if one["status"] == "READY"), None)

        asked = {"state": {"type": "SCHEDULED"}, "parameters": {"raw": "raw", "out": "processed"}}
        made = ask(server, "POST", f"/deployments/{until(deployment, said)['id']}/create_flow_run", asked)

        def ended():
            assert process.poll() is None, said.read_text()
            run = ask(server, "GET", f"/flow_runs/{made['id']}", None)
            return run if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None

        run = until(ended, said)
        assert run["state_type"] == "COMPLETED", said.read_text("utf-8", "replace")[-3000:]
        assert run["state"]["message"] == "Published 000001: 1 documents, 0 duplicates; files: 1 new"
    snapshot = open_snapshot(tmp_path / "processed")
    assert snapshot.table("documents", ["path"])["path"].to_pylist() == ["page.txt"]
    assert snapshot.manifest["settings"]["keep_snapshots"] == 7
