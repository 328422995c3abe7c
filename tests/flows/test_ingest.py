"""The flow, once, against Prefect's own test harness; the logic is tested on plain functions elsewhere."""

import io
import json
import logging
import time
import warnings

import pytest
from rich.console import Console

import pipeline.report
from pipeline.errors import OutputError, Reason, Rejection, SettingsError
from pipeline.settings import Settings
from pipeline.stages.outcomes import RunReport
from pipeline.store.left_out import left_out_table
from pipeline.store.snapshots import Snapshot, open_snapshot

ARTICLE = "The council met on Monday and agreed on a plan for the river.\n" * 3


@pytest.fixture(scope="module")
def prefect():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the server's own dependencies warn
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=180):
            yield


@pytest.mark.filterwarnings("ignore")  # Prefect's own
class TestIngest:
    def test_a_flow_run_publishes_what_a_plain_run_does_and_tells_the_operator(self, prefect, tmp_path):
        from prefect.client.orchestration import get_client

        from flows.ingest import ingest

        (tmp_path / "raw").mkdir()
        (tmp_path / "raw" / "a.txt").write_text(ARTICLE, "utf-8")
        (tmp_path / "raw" / "empty.txt").write_text("")
        counts = ingest(str(tmp_path / "raw"), str(tmp_path / "out"), Settings(workers=1))
        assert counts["documents"] == 1
        (tmp_path / "raw" / "b.txt").write_text("市政府周一召开会议，通过了河道整治方案，明年开工。", "utf-8")
        counts = ingest(str(tmp_path / "raw"), str(tmp_path / "out"), Settings(workers=1))
        assert counts["documents"] == 2
        assert counts["quarantined"] == 1
        snapshot = open_snapshot(tmp_path / "out")
        assert (snapshot.path / "report.html").exists()
        with get_client(sync_client=True) as client:
            artifacts = client.read_artifacts()
            names = {run.name for run in client.read_task_runs()}
            called = {run.name for run in client.read_flow_runs()}
        told = {(one.key.rpartition("-out-")[0], one.data) for one in artifacts if isinstance(one.data, str | int)}
        keys = {one.key.rpartition("-out-")[0] for one in artifacts}
        assert {f"winnow-{what}" for what in ("summary", "quarantine", "skipped", "decided-by")} <= keys
        assert any(key == "winnow-summary" and "| documents | 2 | 1 | +1 |" in data for key, data in told)
        assert ("winnow-progress", 100) in told
        assert {"ingest raw to out, 2 to read", "ingest raw to out, 1 to read"} <= called
        assert {"clean 0001 of 1", "finish 0001 of 1", "assemble 0001 of 1"} <= names

    def test_a_flow_waits_for_all_its_tasks_names_the_shard_that_failed_and_leaves_a_page(
        self, prefect, tmp_path, monkeypatch
    ):
        from prefect.client.orchestration import get_client

        import flows.ingest

        ended, real = [], flows.ingest.run_task

        def run_task(task):
            try:
                if task.name == "0002":
                    raise OutputError("The disk is <full>.", mend="Make room.")
                time.sleep(1)
                return real(task)
            finally:
                ended.append(task.name)

        monkeypatch.setattr(flows.ingest, "run_task", run_task)
        (tmp_path / "raw").mkdir()
        for n in range(6):
            (tmp_path / "raw" / f"{n}.txt").write_text(ARTICLE, "utf-8")
        with pytest.raises(
            OutputError, match=r"clean failed in shard 0002. The disk is <full>. Make room.*failed\.html"
        ):
            flows.ingest.ingest(str(tmp_path / "raw"), str(tmp_path / "out"), Settings(workers=2, shard_files=2))
        assert sorted(ended) == ["0001", "0002", "0003"]
        page = (tmp_path / "out" / "failed.html").read_text("utf-8")
        assert "shard 0002. The disk is &lt;full&gt;" in page
        with get_client(sync_client=True) as client:
            (told,) = [one.data for one in client.read_artifacts() if one.key.startswith("winnow-failure-out")]
        assert "0002" in told and "<full>" not in told

    def test_the_parameter_form_shows_every_setting(self):
        from prefect.utilities.callables import parameter_schema

        from flows.ingest import ingest

        schema = parameter_schema(ingest).model_dump_for_openapi()
        form = next(iter(schema["definitions"].values()))["properties"]
        assert set(form) == set(Settings.model_fields)

    def test_a_wrong_setting_stops_before_anything_is_read(self, prefect, tmp_path, monkeypatch):
        from flows.ingest import ingest

        monkeypatch.setenv("WINNOW_WORKERS", "-1")
        with pytest.raises(SettingsError, match="workers"):
            ingest(str(tmp_path / "missing"), str(tmp_path / "out"))
        assert not (tmp_path / "out").exists()


def left_out_by_a_hostile_file(n):
    name = "\x1b[2J" + "长" * 10_000
    rows = [Rejection(name, f"{at}|`<b>" + name, "read", Reason.BROKEN_JSON, "\u202e坏" * 5000) for at in range(n)]
    return left_out_table([*rows, Rejection("a.jsonl", "9", "read", Reason.EMPTY, "empty", n_records=399_000)])


def reported(tmp_path, left_out):
    (tmp_path / "snap").mkdir()
    counts = dict.fromkeys(("files", "records", "documents", "duplicates", "quarantined", "skipped"), 402_000)
    snapshot = Snapshot("000001", tmp_path / "snap", {"created_at": "2024-01-01T00:00:00"}, ())
    return RunReport(snapshot, True, counts, {}, left_out, 0.0, 0.0)


def test_log_artifacts_and_report_are_bounded_whatever_a_file_is_called_and_holds(tmp_path, monkeypatch):
    import flows.artifacts
    import flows.ingest
    from pipeline.report import html_report, print_report

    report, tables = reported(tmp_path, left_out_by_a_hostile_file(3000)), {}
    for module in (flows.artifacts, pipeline.report):
        monkeypatch.setattr(module, "decided_by", lambda *_: [("template:" + "x" * 250, "content", 7)] * 100)
    monkeypatch.setattr(flows.artifacts, "create_markdown_artifact", lambda *_, **__: None)
    monkeypatch.setattr(flows.ingest, "announce", lambda *_: None)
    monkeypatch.setattr(
        flows.artifacts,
        "create_table_artifact",
        lambda rows, key, description: tables.update({key.rpartition("-out-")[0]: (rows, description)}),
    )
    said = io.StringIO()
    logger = logging.Logger("test")
    logger.addHandler(logging.StreamHandler(said))
    flows.ingest._tell(report, logger, tmp_path / "out")
    lines = said.getvalue().splitlines()
    assert 20 < len(lines) < 50 and sum(map(len, lines)) < 20_000
    assert "quarantine: empty: 399000 records" in lines and "quarantine: broken_json: 3000 records" in lines
    rows, description = tables["winnow-quarantine"]
    assert "402,000" in description
    assert 20 <= len(rows) <= 100
    for table, _ in tables.values():
        assert len(json.dumps(table, ensure_ascii=False)) < 80_000
    console = Console(file=io.StringIO(), width=200)
    print_report(report, console)
    shown = console.file.getvalue()
    page = html_report(report)
    assert len(shown) < 40_000 and "401,980 more" in shown
    assert len(page) < 400_000
    assert not [text for text in (*lines, str(tables), shown, page) if "\x1b" in text or "\u202e" in text]
