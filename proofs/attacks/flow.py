"""Attacks by what lies in the raw folder, when the flow's commands are started there; and by who starts served runs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.store.snapshots import open_snapshot
from proofs.attacks.kit import Attack, Ground, story

PATIENCE = 240
REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
#: Modules that our processes, Prefect's and Python's own start import, by name.
MODULES = (
    "pipeline flows prefect click httpx uvicorn fastapi starlette sqlalchemy pydantic pydantic_settings rich pyarrow numpy "
    "duckdb anyio cloudpickle websockets docket warcio re2 ftfy resource random json socket secrets asyncio typing logging "
    "multiprocessing runpy importlib encodings hmac base64 sitecustomize usercustomize ingest serve start artifacts"
).split()
#: Settings that end a run at once when they are obeyed.
OBEYED = {
    "winnow.toml": 'workers = "obeyed"\n',
    "prefect.toml": "obeyed = =\n",
    "pyproject.toml": '[tool.prefect]\nserver = "obeyed"\n',
    "profiles.toml": "obeyed = =\n",
    ".env": "PREFECT_LOGGING_LEVEL=obeyed\nPREFECT_CLIENT_MAX_RETRIES=obeyed\n",
    "prefect.yaml": "deployments: obeyed\n",
    "setup.cfg": "[options]\nobeyed = 1\n",
}


def lay(ground: Ground, folder: Path, *, settings: bool = True) -> Path:
    """Fill a folder with a good page and traps; what runs of them leaves a file in the folder that comes back."""
    marks = ground.folder / "marks"
    for one in (folder, marks):
        one.mkdir(parents=True, exist_ok=True)
    for name in MODULES:
        code = f"open({str(marks / name)!r}, 'w').close()\n"
        (folder / f"{name}.py").write_text(code)
        if name in ("pipeline", "flows", "prefect", "numpy", "json"):
            (folder / name).mkdir()
            (folder / name / "__init__.py").write_text(code)
            (folder / name / "__main__.py").write_text(code)
    (folder / "trap.pth").write_text(f"import os; open({str(marks / 'pth')!r}, 'w').close()\n")
    for name, text in OBEYED.items() if settings else ():
        (folder / name).write_text(text)
    (folder / "page.txt").write_text(story(1), "utf-8")
    return marks


def environment(ground: Ground, **more: str) -> dict[str, str]:
    """As a shell of a user has it who has set nothing for Prefect but where its files go."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "PYTHONSAFEPATH"))}
    return {**clean, "PREFECT_HOME": str(ground.folder / "home"), "WINNOW_WORKERS": "1", **more}


def started_in_it(words: Sequence[str | Path], inner: str = "") -> Callable[[Ground], str]:
    """An attack on a command that is started in the raw folder, or in a folder of it."""

    def attack(ground: Ground) -> str:
        raw, out = ground.folder / "raw", ground.folder / "out"
        marks = lay(ground, raw)
        here = raw / inner
        if inner:
            lay(ground, here)
        known = {"RAW": str(raw), "OUT": str(out)}
        done = subprocess.run(
            [str(word).format(**known) for word in words], cwd=here, env=environment(ground),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        if done.returncode:
            return f"exit code {done.returncode}: {done.stdout[-300:]} {done.stderr[-600:]}"
        documents = open_snapshot(out).manifest["counts"]["documents"]
        return _ran(marks) or ("" if documents else "nothing was published")

    return attack


def _ran(marks: Path) -> str:
    names = sorted(one.name for one in marks.iterdir())
    return f"it ran {names}" if names else ""


@contextlib.contextmanager
def process(
    words: Sequence[str | Path], cwd: Path, env: Mapping[str, str], said: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, ended with its group on leaving."""
    with said.open("wb") as file:
        one = subprocess.Popen(
            list(map(str, words)), cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield one
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.pid, signal.SIGKILL)
        one.wait()


@contextlib.contextmanager
def server(ground: Ground) -> Iterator[dict[str, str]]:
    """The environment of commands that use an operator's Prefect server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = environment(
        ground,
        PREFECT_API_URL=f"http://127.0.0.1:{port}/api",
        PREFECT_UI_ENABLED="false",
        DO_NOT_TRACK="1",
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS="1",
        PREFECT_RUNNER_POLL_FREQUENCY="1",
    )
    words: list[str | Path] = [BIN / "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with process(words, ground.folder, env, ground.folder / "server.txt"):
        until(lambda: ask(env, "GET", "/health") is True)
        yield env


def until(true: Callable[[], Any]) -> Any:
    """What ``true`` returns when it is true; an error of the network is not yet."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if found := true():
                return found
        time.sleep(0.5)
    raise TimeoutError(f"not within {PATIENCE} s")


def ask(env: Mapping[str, str], method: str, path: str, body: Any = None) -> Any:
    """What the operator's server answers to anybody."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(env["PREFECT_API_URL"] + path, data=data, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def ended(env: Mapping[str, str], **wanted: Any) -> Any:
    """A flow run with these values that has come to its end; one that fell due beside another is cancelled."""
    runs = ask(env, "POST", "/flow_runs/filter", {})
    over = [one for one in runs if one["state_type"] in ("COMPLETED", "FAILED", "CRASHED")]
    return next((one for one in over if wanted.items() <= one.items()), None)


def served_in_it(ground: Ground) -> str:
    """Serving is started in the raw folder: a scheduled run publishes, and nothing of the folder is run or obeyed."""
    raw, out = ground.folder / "raw", ground.folder / "out"
    marks = lay(ground, raw)
    said = ground.folder / "said.txt"
    with (
        server(ground) as env,
        process(
            [BIN / "winnow", "serve", ".", out, "--every", "30s", "--api-url", env["PREFECT_API_URL"]], raw, env, said
        ),
    ):
        run = until(lambda: ended(env, auto_scheduled=True))
    if run["state_type"] != "COMPLETED":
        return f"the run ended {run['state']}: {said.read_text()[-600:]}"
    return _ran(marks)


def served_by_a_script(ground: Ground) -> str:
    """A script of the operator's own serves from the raw folder: refused, and no module of the folder is run."""
    raw = ground.folder / "raw"
    marks = lay(ground, raw, settings=False)
    script, said = ground.folder / "own" / "nightly.py", ground.folder / "said.txt"
    script.parent.mkdir()
    script.write_text(
        "from flows.ingest import ingest\n"
        "if __name__ == '__main__':\n"
        "    ingest.serve(name='nightly', interval=30, parameters={'raw': '.', 'out': '../out'})\n"
    )
    with server(ground) as env, process([sys.executable, script], raw, env, said):
        run = until(lambda: ended(env, auto_scheduled=True))
    if "is the raw folder or lies in it" not in (run["state"]["message"] or ""):
        return f"the run ended {run['state']}: {said.read_text()[-600:]}"
    return _ran(marks)


def other_folders(ground: Ground) -> str:
    """Who may start runs of a deployment names other folders, in every way: refused before anything is read."""
    data, other = ground.folder / "data", ground.folder / "other"
    for one in (data / "raw", other):
        one.mkdir(parents=True)
        (one / "page.txt").write_text(story(1), "utf-8")
    (data / "link").symlink_to(other)
    raw, out = str(data / "raw"), str(data / "out")
    wrong: list[dict[str, Any]] = [
        {"raw": str(other)},
        {"raw": f"{raw}/../../other"},
        {"raw": str(data / "link")},
        {"raw": "."},
        {"raw": f"{raw}\0"},
        {"out": str(other / "out")},
        {"out": f"{out}/../../other/new"},
        {"out": "out"},
        {"settings": {"rules": str(other)}},
        {"settings": {"roots": ["/"]}, "raw": str(other)},
        {"roots": ["/"], "raw": str(other)},
    ]
    said = ground.folder / "said.txt"
    with (
        server(ground) as env,
        process([BIN / "winnow", "serve", raw, out, "--api-url", env["PREFECT_API_URL"]], ground.folder, env, said),
    ):
        found = until(lambda: ask(env, "POST", "/deployments/filter", {}))
        path = f"/deployments/{found[0]['id']}"
        for parameters in wrong:
            body = {"parameters": {"raw": raw, "out": out, **parameters}, "state": {"type": "SCHEDULED"}}
            try:
                asked = ask(env, "POST", f"{path}/create_flow_run", body)["id"]
            except urllib.error.HTTPError:
                continue  # the server itself refuses what the form does not have
            run = until(lambda asked=asked: ended(env, id=asked))  # type: ignore[misc]
            if run["state_type"] not in {"FAILED", "CRASHED"}:  # a parameter that no run has crashes it at its start
                return f"{parameters} was carried out: {run['state']}"
        text = said.read_text("utf-8", "replace")
    made = sorted(str(one.relative_to(ground.folder)) for one in (*other.rglob("*"), *data.rglob("*")))
    if made != ["data/link", "data/raw", "data/raw/page.txt", "other/page.txt"]:
        return f"there is now {made}"
    return f"a traceback: {text[-600:]}" if "Traceback" in text and "WinnowError" in text else ""


MODULE = (sys.executable, "-P", "-m", "flows.ingest", ".", "{OUT}")
SCRIPT = (BIN / "winnow-ingest", ".", "{OUT}")
BELOW = (BIN / "winnow-ingest", "../..", "{OUT}")
MAKE = ("make", "-C", REPOSITORY, "-o", ".venv/.run", "run", "RAW={RAW}", "OUT={OUT}")

ATTACKS = (
    Attack("code", "python -P -m flows.ingest in the raw folder", started_in_it(MODULE)),
    Attack("code", "winnow-ingest in the raw folder", started_in_it(SCRIPT), quick=False),
    Attack("code", "winnow-ingest below the raw folder", started_in_it(BELOW, "a/b"), quick=False),
    Attack("code", "make run from the raw folder", started_in_it(MAKE), quick=False),
    Attack("code", "winnow serve in the raw folder", served_in_it, quick=False),
    Attack("code", "a serving script in the raw folder", served_by_a_script, quick=False),
    Attack("code", "a served run that names other folders", other_folders, quick=False),
)
