"""What an operator does in a browser: log in, start a run with a setting of its own, see it end, look at what it tells.

SCREENSHOTS=docs/images takes the pictures of docs/operate.md.
"""

import os
import re
import shutil
from pathlib import Path

import httpx
import pytest
from serving import started, until
from test_serve import server

from pipeline.store.snapshots import open_snapshot

__all__ = ["server"]  # a fixture
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
#: A machine without a network or a graphics card; as root, in a container.
WORDS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
WORDS += ["--disable-component-update", "--disable-sync"]
HOSTILE = "[a](javascript:alert(1)) <b>_b_<i> `c`.jsonl"
PAGE = """<title>Story {n}</title><ul><li><a href=/>Home</a><li><a href=/n>新闻</a></ul><h1>Story {n} of the river</h1>
<p>The council met on Monday and agreed on plan {n} for the river, officials said in the evening.</p>
<p>全国碳排放权交易市场今日开市，第 {n} 号交易成交量超过四百万吨，有关负责人出席并讲话。</p>"""


@pytest.fixture
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no Chromium; Debian's package chromium has it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=WORDS)
        yield one
        one.close()


def pictured(page, name):
    """Keep a picture of a page for the docs, where one is asked for."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.wait_for_timeout(1500)  # figures and fonts come after the words
        page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # the driver's own
def test_a_run_with_one_setting_changed_is_started_from_the_form_and_its_artifacts_are_seen(browser, server, tmp_path):
    site = tmp_path / "raw" / "news.example.org"
    site.mkdir(parents=True)
    for n in range(4):
        (site / f"{n}.html").write_text(PAGE.format(n=n), "utf-8")
    (site / HOSTILE).write_text('{"text": "<script>alert(1)</script>', "utf-8")
    own = {name: value for name, value in server.items() if name != "PREFECT_API_URL"}
    own |= {"XDG_STATE_HOME": str(tmp_path / "state"), "PREFECT_HOME": str(tmp_path), "PREFECT_UI_ENABLED": "true"}
    with started(["-m", "pipeline", "serve", "raw", "out", "--port", "0"], own, tmp_path, "serve") as (process, said):
        address = until(
            lambda: process.poll() is not None or re.search(r"http://127.0.0.1:\d+", said.read_text()), said
        )[0]
        (secret,) = (tmp_path / "state").rglob("secret")
        user, _, password = secret.read_text().strip().partition(":")
        with pytest.raises(Exception, match="INVALID_AUTH_CREDENTIALS"):
            browser.new_page().goto(address)
        known = browser.new_context(
            http_credentials={"username": user, "password": password}, viewport={"width": 1280, "height": 800}
        )
        page = known.new_page()
        page.set_default_timeout(60_000)
        asked = []
        page.on("request", lambda request: asked.append(request.url))

        def found(what):
            with httpx.Client(base_url=address, auth=(user, password), trust_env=False, timeout=60) as client:
                return client.post(f"/api/{what}/filter", json={}).json()

        until(lambda: found("deployments"), said)
        page.goto(f"{address}/deployments")
        page.get_by_role("link", name="ingest", exact=True).click()
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_text("Custom run").click()
        field = page.locator(".schema-form-property", has=page.get_by_text("Keep Snapshots (Optional)")).last
        field.locator("input").fill("7")
        pictured(page, "form")
        page.get_by_role("button", name="Submit").click()
        asked_for = until(lambda: [one for one in found("flow_runs") if one["parameters"].get("settings")], said)
        page.goto(f"{address}/runs/flow-run/{asked_for[0]['id']}")
        page.get_by_text("Published 000001: 4 documents", exact=False).first.wait_for()
        pictured(page, "run")
        for artifact, words in (
            ("summary", "Snapshot 000001"),
            ("drift", "none"),
            ("quarantine", "broken_json"),
        ):
            (one,) = (one for one in found("artifacts") if one["key"].startswith(f"winnow-{artifact}-out-"))
            page.goto(f"{address}/artifacts/artifact/{one['id']}")
            page.get_by_text(words).first.wait_for()
            pictured(page, artifact)
        assert HOSTILE in page.inner_text("table")
        assert page.locator("table a, table b, table em, table code").count() == 0
        outside = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
        assert outside == []
    manifest = open_snapshot(tmp_path / "out").manifest
    assert (manifest["settings"]["keep_snapshots"], manifest["settings"]["workers"]) == (7, 1)
