"""What goes wrong with a served output arrives at a webhook: a run that failed, was lost, left much out, or never began."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from serving import asked, descendants, started, until

from flows.server import as_client
from pipeline.errors import WinnowError

STORY = "The council met on Monday and agreed on plan {n} for the river.\n第{n}号方案已获通过。\n"
OF_THE_OPERATOR = """
import os
from prefect.blocks.notifications import CustomWebhookNotificationBlock
told = {"alert": "{{subject}}", "text": "{{body}}"}
CustomWebhookNotificationBlock(name="mine", url=os.environ["HOOK"], json_data=told).save("mine")
"""


@pytest.fixture
def receiver():
    """The address of a receiver that knows /hook alone, and what it was sent."""
    came = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            came.append(json.loads(body))
            self.send_response(204 if self.path == "/hook" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", came
        server.shutdown()


def alerts(environment, folder, *words):
    command = [sys.executable, "-P", "-m", "pipeline", "alerts", "out", *words]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)


def test_whatever_goes_wrong_is_told(receiver, tmp_path):
    hook, came = receiver
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "page.txt").write_text(STORY.format(n=1), "utf-8")
    (tmp_path / "raw" / "empty.txt").write_text("")
    own = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"} | {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
        "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "5",
        "WINNOW_WORKERS": "1",
    }
    refused = alerts(own, tmp_path, "--webhook", f"{hook}/hook")
    assert (refused.returncode, "is not being served" in refused.stderr) == (2, True), refused.stderr
    with started(["-m", "pipeline", "serve", "raw", "out", "--port", "0"], own, tmp_path, "own") as (process, said):
        address = until(lambda: re.search(r"http://127.0.0.1:\d+", said.read_text()), said)[0]
        (secret,) = (tmp_path / "state").rglob("secret")
        knows = tuple(secret.read_text().strip().split(":"))

        def ask(path, body=None):
            return asked("GET" if body is None else "POST", f"{address}/api{path}", body, knows)

        def told(alert, words):
            """The message of this alert that says these words; Prefect may send one twice."""
            assert process.poll() is None, said.read_text()
            return next((one for one in came if one["alert"] == alert and words in one["text"]), None)

        def run(deployment, **parameters):
            (which,) = [
                one["id"] for one in until(lambda: ask("/deployments/filter", {}), said) if one["name"] == deployment
            ]
            return ask(f"/deployments/{which}/create_flow_run", {"parameters": parameters})["id"]

        known = own | as_client(f"{address}/api", secret.read_text().strip()) | {"HOOK": f"{hook}/hook"}
        subprocess.run([sys.executable, "-P", "-c", OF_THE_OPERATOR], env=known, cwd=tmp_path, check=True)
        bounds = ["--max-quarantined", "0", "--silence", "35s"]
        for words in (["--block", "custom-webhook/mine"], ["--webhook", f"{hook}/hook"]):
            installed = alerts(own, tmp_path, *words, *bounds)
            assert installed.returncode == 0, installed.stderr
        assert [one["alert"] for one in came] == ["winnow: installed", "installed"]
        watched = sorted(one["name"] for one in ask("/automations/filter", {}))
        assert watched == ["winnow: alarm", "winnow: failed", "winnow: late", "winnow: lost"]

        until(lambda: len(ask("/deployments/filter", {})) == 4, said)
        run("ingest")
        alarm = until(lambda: told("alarm", "1 record is in quarantine, more than 0"), said)
        assert f"000001 of {tmp_path / 'out'} should be looked at" in alarm["text"]
        assert f"See {address}/runs/flow-run/" in alarm["text"]

        lines = [json.dumps({"text": STORY.format(n=n)}) for n in range(4000)]
        (tmp_path / "raw" / "many.jsonl").write_text("\n".join(lines), "utf-8")
        lost = run("ingest")
        beat = {"filter": {"event": {"name": ["prefect.flow-run.heartbeat"]}}}
        until(lambda: lost in str(ask("/events/filter", beat)), said)
        family = descendants(process.pid)
        assert ask(f"/flow_runs/{lost}")["state_type"] == "RUNNING"
        for what in ("flows.deployments", "prefect.flow_engine", "prefect.engine"):  # first who would tell of its end
            for pid in [pid for pid, words in family.items() if what in words]:
                os.kill(pid, signal.SIGKILL)
        assert ask(f"/flow_runs/{lost}")["state_type"] == "RUNNING"

        flow = ask("/flows/filter", {"flows": {"name": {"any_": ["winnow-ingest"]}}})[0]["id"]
        nobodys = {"name": "nobody", "flow_id": flow, "parameters": {"out": "/data/out"}}
        nobodys = ask("/deployments/", nobodys)["id"]  # its schedule's own runs would be told of, but minutes later
        due = datetime.now(UTC) + timedelta(seconds=2)
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due.isoformat()}}
        ask(f"/deployments/{nobodys}/create_flow_run", {"state": state})
        run("check", out="/etc")
        failed = until(lambda: told("failed", "does not lie in a folder that is allowed"), said)
        assert re.search(rf"into /etc failed: .* See {address}/runs/flow-run/", failed["text"])
        late = until(
            lambda: told("late", "scheduled run nobody into /data/out"), said
        )  # on a busy machine check is, too
        assert re.search(r" was due at 20\S+ and has not begun", late["text"])
        silent = until(lambda: told("failed", "no sign of life for 35 seconds"), said)
        assert f"into {tmp_path / 'out'} crashed: it gave no sign" in silent["text"]
        assert ask(f"/flow_runs/{lost}")["state_type"] == "CRASHED"

        removed = alerts(own, tmp_path, "--remove")
        assert (removed.returncode, ask("/automations/filter", {})) == (0, []), removed.stderr

        left = run("prune")
        ask(f"/flow_runs/{left}/set_state", {"state": {"type": "PENDING"}, "force": True})
        for pid in (process.pid, *descendants(process.pid)):  # as a power cut does
            os.kill(pid, signal.SIGKILL)
    with started(["-m", "pipeline", "serve", "raw", "out", "--port", "0"], own, tmp_path, "again") as (process, said):
        address = until(lambda: re.search(r"http://127.0.0.1:\d+", said.read_text()), said)[0]
        run_left = until(
            lambda: "was left by an earlier serving" in said.read_text() and ask(f"/flow_runs/{left}"), said
        )
        assert run_left["state_type"] == "CRASHED"


@pytest.mark.filterwarnings("ignore")  # Prefect's own
def test_what_is_wrong_is_said_in_words():
    from flows.automations import wrong_with

    assert wrong_with(7, 5, 1) == (
        "7 records are in quarantine, more than 5, and drift is seen in 1 figure of its sites or rules"
    )
    assert wrong_with(7, None, 2) == "drift is seen in 2 figures of its sites or rules"
    assert [wrong_with(5, 5, 0), wrong_with(5, None, 0)] == ["", ""]


@pytest.mark.filterwarnings("ignore")  # Prefect's own
def test_what_cannot_be_delivered_is_not_installed(receiver, tmp_path):
    from flows.automations import greet, webhook

    hook, came = receiver
    greet(webhook(f"{hook}/hook"), tmp_path)
    assert came == [{"alert": "installed", "text": f"What goes wrong with {tmp_path} is told here."}]
    for address in (f"{hook}/gone", "http://127.0.0.1:9/hook"):
        with pytest.raises(WinnowError, match="could not be delivered"):
            greet(webhook(address), tmp_path)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "It is not said where messages go"),
        (["--webhook", "https://hooks.example.org", "--remove"], "It is not said where messages go"),
        (["--webhook", "https://hooks.example.org", "--silence", "30s"], "every 30 seconds"),
        (["--webhook", "hooks.example.org/T0", "--api-url", "http://127.0.0.1:9/api"], "is no address of a webhook"),
        (["--webhook", "https://hooks.example.org", "--api-url", "http://127.0.0.1:9/api"], "does not answer"),
    ],
)
def test_what_cannot_be_installed_is_said_in_a_sentence(tmp_path, words, what):
    done = alerts({**os.environ, "PREFECT_HOME": str(tmp_path)}, tmp_path, *words)
    assert (done.returncode, what in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr
