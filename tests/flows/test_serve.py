"""Commands that are started in the raw folder take nothing from it; served runs run, and keep to the allowed folders."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from serving import PATIENCE, answers, ask, descendants, started, until
from trap import lay

from pipeline.store.snapshots import open_snapshot


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The environment of commands that use a Prefect server as operators have it."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    environment = {
        **os.environ,
        "PREFECT_HOME": str(tmp_path_factory.mktemp("prefect")),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_UI_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "WINNOW_WORKERS": "1",
        "XDG_STATE_HOME": str(tmp_path_factory.mktemp("state")),
    }
    command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with started(command, environment, tmp_path_factory.getbasetemp(), "server") as (process, said):
        until(lambda: process.poll() is not None or answers(environment), said)
        yield environment


def test_a_scheduled_run_of_a_served_deployment_publishes_and_one_that_names_other_folders_is_refused(server, tmp_path):
    lay(tmp_path / "raw", tmp_path / "marks")
    words = ["-m", "pipeline", "serve", ".", "../out", "--every", "30s", "--api-url", server["PREFECT_API_URL"]]
    with started(words, server, tmp_path / "raw", "serve") as (process, said):

        def run_that(**wanted):
            assert process.poll() is None, said.read_text()
            runs = ask(server, "POST", "/flow_runs/filter", {})
            return next((one for one in runs if wanted.items() <= {**one, "is": one["state_type"]}.items()), None)

        run = until(lambda: run_that(**{"is": "COMPLETED"}) or run_that(**{"is": "FAILED"}), said)
        assert run["state_type"] == "COMPLETED", said.read_text()
        assert run["auto_scheduled"] and re.fullmatch(r"ingest raw to out, \d+ to read", run["name"])
        assert re.fullmatch(r"Published 000001: 1 documents, 0 duplicates; files: \d+ new", run["state"]["message"])
        assert open_snapshot(tmp_path / "out").table("documents", ["path"])["path"].to_pylist() == ["page.txt"]

        deployment = f"/deployments/{run['deployment_id']}"
        ask(server, "PATCH", deployment, {"paused": True})
        asked = {"parameters": {"raw": "/etc"}, "state": {"type": "SCHEDULED"}}
        asked = ask(server, "POST", f"{deployment}/create_flow_run", asked)["id"]
        run = until(lambda: run_that(id=asked, **{"is": "FAILED"}) or run_that(id=asked, **{"is": "COMPLETED"}), said)
        assert "raw = /etc does not lie in a folder that is allowed" in run["state"]["message"]
        time.sleep(3)  # in which the engine would say more
    assert "Traceback" not in said.read_text()
    assert list((tmp_path / "marks").iterdir()) == []


def test_a_run_that_is_cancelled_leaves_what_is_published_and_no_process_and_the_next_one_completes(server, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "page.txt").write_text("The council met on Monday and agreed on a plan.", "utf-8")
    words = ["-m", "pipeline", "serve", "raw", "out", "--api-url", server["PREFECT_API_URL"]]
    with started(words, server, tmp_path, "cancelled") as (process, said):

        def at_work():
            assert process.poll() is None, said.read_text()
            return [pid for pid, words in descendants(process.pid).items() if "pipeline.stages.child" in words]

        def deployment():
            assert process.poll() is None, said.read_text()
            found = ask(server, "POST", "/deployments/filter", {"deployments": {"name": {"any_": ["rebuild"]}}})
            return next((one for one in found if one["parameters"]["raw"] == str(tmp_path / "raw")), None)

        which = until(deployment, said)["id"]

        def begun():
            return ask(server, "POST", f"/deployments/{which}/create_flow_run", {"state": {"type": "SCHEDULED"}})["id"]

        def ended(run, *how):
            assert process.poll() is None, said.read_text()
            return ask(server, "GET", f"/flow_runs/{run}", None)["state_type"] in how

        latest = tmp_path / "out" / "LATEST"
        first = begun()
        until(lambda: ended(first, "COMPLETED"), said)
        lines = (
            json.dumps({"text": f"会议{n}次讨论了方案。 Meeting {n} agreed on a plan. " * 400}) for n in range(3000)
        )
        (tmp_path / "raw" / "many.jsonl").write_text("\n".join(lines), "utf-8")
        second = begun()
        until(lambda: ended(second, "RUNNING") and at_work(), said)
        state = {"state": {"type": "CANCELLING"}, "force": True}
        ask(server, "POST", f"/flow_runs/{second}/set_state", state)
        until(lambda: ended(second, "CANCELLED"), said)
        until(lambda: not at_work(), said)
        assert latest.read_text().strip() == "000001"
        (tmp_path / "raw" / "many.jsonl").unlink()
        third = begun()
        until(lambda: ended(third, "COMPLETED"), said)
        assert latest.read_text().strip() == "000002"


def test_the_ingest_command_started_in_the_raw_folder_takes_nothing_from_it(server, tmp_path):
    lay(tmp_path / "raw", tmp_path / "marks")
    with started(["-m", "flows.ingest", ".", "../out"], server, tmp_path / "raw", "ingest") as (process, said):
        assert process.wait(PATIENCE) == 0, said.read_text()
    assert open_snapshot(tmp_path / "out").manifest["counts"]["documents"] == 1
    assert list((tmp_path / "marks").iterdir()) == []


@pytest.mark.filterwarnings("ignore")  # Prefect's own
class TestPlaces:
    @pytest.fixture
    def ground(self, tmp_path, monkeypatch):
        (tmp_path / "here" / "raw").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "here")
        monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "0" * 32)
        return tmp_path

    @staticmethod
    def places(*given):
        from flows.ingest import _places

        return _places(*given)

    def test_a_deployment_keeps_to_the_working_folder_when_no_roots_are_set(self, ground):
        assert self.places("raw", "out", None) == (ground / "here" / "raw", ground / "here" / "out")
        for outside in [("/etc", "out", None), ("raw", "../out", None), ("raw", "out", Path("/etc"))]:
            with pytest.raises(Exception, match="does not lie in a folder that is allowed"):
                self.places(*outside)

    def test_to_the_roots_when_they_are(self, ground, monkeypatch):
        monkeypatch.setenv("WINNOW_ROOTS", f"{ground / 'data'}:{ground / 'rules'}")
        assert self.places(f"{ground}/data/raw", f"{ground}/data/out", ground / "rules")[0] == ground / "data" / "raw"
        with pytest.raises(Exception, match="does not lie in a folder that is allowed"):
            self.places("raw", f"{ground}/data/out", None)

    def test_a_deployment_that_is_carried_out_in_its_raw_folder_is_refused(self, ground, monkeypatch):
        monkeypatch.chdir("raw")
        with pytest.raises(Exception, match="is the raw folder or lies in it"):
            self.places("..", "../../out", None)

    def test_a_run_that_is_no_deployment_may_use_any_folder(self, ground, monkeypatch):
        monkeypatch.delenv("PREFECT__RUNTIME__DEPLOYMENT__ID")
        assert self.places("/etc", "../out", None) == (Path("/etc"), Path("../out"))


def served(environment, folder, *words):
    return started(["-m", "pipeline", "serve", "raw", "out", "--port", "0", *words], environment, folder, "own")


def test_one_command_serves_survives_a_killed_server_and_leaves_nothing_behind(server, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "page.txt").write_text(
        "The council met on Monday and agreed on a plan.\n会议通过了方案。", "utf-8"
    )
    own = {name: value for name, value in server.items() if name != "PREFECT_API_URL"}
    own |= {"XDG_STATE_HOME": str(tmp_path / "state"), "PREFECT_HOME": str(tmp_path)}
    with served(own, tmp_path, "--every", "20s") as (process, said):
        address = until(lambda: re.search(r"http://127.0.0.1:\d+", said.read_text()), said)[0]
        (secret,) = (tmp_path / "state").rglob("secret")
        assert (secret.stat().st_mode & 0o777, said.read_text().count(secret.read_text().strip()[7:])) == (0o600, 1)
        for path in ("/", "/api/health", "/api/admin/settings", "/docs", "/ui-settings", "/v2/", "/metrics"):
            assert httpx.get(f"{address}{path}", trust_env=False).status_code == 401
        knows = tuple(secret.read_text().strip().split(":"))
        with httpx.Client(base_url=address, auth=knows, trust_env=False, timeout=60) as client:
            assert "<html" in client.get("/").text
            assert client.get("/metrics").status_code in {200, 503}  # nothing is published yet, or just now
            assert client.post("/metrics").status_code == 405
            for hostile in ({"host": "attacker.example"}, {"origin": "https://attacker.example"}):
                assert client.get("/api/health", headers=hostile).status_code == 403
        latest = tmp_path / "out" / "LATEST"
        until(lambda: process.poll() is not None or latest.exists(), said)
        assert open_snapshot(tmp_path / "out").table("documents", ["path"])["path"].to_pylist() == ["page.txt"]
        until(lambda: (tmp_path / "out" / "snapshots" / "000001" / "metrics.prom").exists(), said)
        scraped = httpx.get(f"{address}/metrics", auth=knows, trust_env=False)
        assert scraped.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert re.search(r'^winnow_snapshot_info\{.*snapshot="00000\d"\} 1$', scraped.text, re.M)
        assert "winnow_last_run_end_timestamp_seconds " in scraped.text

        refused = subprocess.run(
            [sys.executable, "-P", "-m", "pipeline", "serve", "raw", "out"], env=own, cwd=tmp_path, capture_output=True
        )
        assert refused.returncode == 2 and b"is being served already" in refused.stderr

        family = descendants(process.pid)
        (of_server,) = (pid for pid, words in family.items() if "flows.server" in words)
        os.kill(of_server, signal.SIGKILL)
        (tmp_path / "raw" / "later.txt").write_text(
            "The mayor opened the new library on Friday morning, at last.", "utf-8"
        )
        until(lambda: process.poll() is not None or latest.read_text().strip() == "000002", said)
        family = descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, said.read_text()
        assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]


def test_serving_can_be_stopped_while_its_server_starts(server, tmp_path):
    (tmp_path / "raw").mkdir()
    own = {name: value for name, value in server.items() if name != "PREFECT_API_URL"}
    own |= {"XDG_STATE_HOME": str(tmp_path / "state"), "PREFECT_HOME": str(tmp_path)}
    with served(own, tmp_path) as (process, said):
        until(lambda: "Starting the Prefect server" in said.read_text() and descendants(process.pid), said)
        family = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130, said.read_text()
        assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]
    assert "Traceback" not in said.read_text()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--cron", "whenever"], "is no schedule"),
        (["--cron", "0 3 * * *", "--timezone", "Mars/Olympus"], "is no schedule"),
        (["--cron", "0 3 * * *", "--every", "1h"], "two schedules"),
        (["--every", "soon"], "is no length of time"),
        (["--workers", "many"], "workers"),
        (["--api-url", "http://127.0.0.1:9/api"], "does not answer"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_sentence(tmp_path, words, what):
    (tmp_path / "raw").mkdir()
    own = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "PREFECT_HOME": str(tmp_path)}
    command = [sys.executable, "-P", "-m", "pipeline", "serve", "raw", "out", "--port", "0", *words]
    done = subprocess.run(command, env=own, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, what in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_a_port_that_is_in_use_is_said(tmp_path):
    (tmp_path / "raw").mkdir()
    own = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "PREFECT_HOME": str(tmp_path)}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-P", "-m", "pipeline", "serve", "raw", "out", "--port", port]
        done = subprocess.run(command, env=own, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, f"Port {port} of this machine is in use" in done.stderr) == (2, True), done.stderr
