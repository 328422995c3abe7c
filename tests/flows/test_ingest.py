"""The flow, once, against Prefect's own test harness; the logic is tested on plain functions elsewhere."""

import time
import warnings

import pytest

from pipeline.errors import OutputError, SettingsError
from pipeline.settings import Settings
from pipeline.store.snapshots import open_snapshot

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
        assert counts["quarantined"] == 1
        snapshot = open_snapshot(tmp_path / "out")
        assert (snapshot.path / "report.html").exists()
        with get_client(sync_client=True) as client:
            keys = {artifact.key for artifact in client.read_artifacts()}
            names = {run.name for run in client.read_task_runs()}
        assert {"winnow-summary", "winnow-quarantine", "winnow-decided-by"} <= keys
        assert {"clean 0001", "finish 0001", "assemble 0001"} <= names

    def test_a_flow_waits_for_all_its_tasks_names_the_shard_that_failed_and_leaves_a_page(
        self, prefect, tmp_path, monkeypatch
    ):
        from prefect.client.orchestration import get_client

        import flows.ingest

        ended, real = [], flows.ingest.run_job

        def run_job(job, nursery):
            try:
                if job.name == "0002":
                    raise OutputError("The disk is <full>.", mend="Make room.")
                time.sleep(1)
                return real(job, nursery)
            finally:
                ended.append(job.name)

        monkeypatch.setattr(flows.ingest, "run_job", run_job)
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
            (told,) = [one.data for one in client.read_artifacts() if one.key == "winnow-failure"]
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
