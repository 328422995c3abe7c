"""Whose an output folder is, and what LATEST says."""

import json

import pytest
from test_store_snapshots import put

from pipeline.errors import OutputError, SnapshotError
from pipeline.store.claim import claim_state, locked, openness
from pipeline.store.marks import MARK, has_mark, read_sealed, sealed
from pipeline.store.snapshots import list_snapshots, open_snapshot, prune, rollback, tidy


@pytest.fixture
def out(tmp_path):
    """An output folder of ours with three snapshots; the third is live."""
    out = tmp_path / "out"
    with locked(out):
        for name in "abc":
            put(out, tmp_path / "stage", name)
    return out


def names(out):
    return [one.name for one in list_snapshots(out)]


@pytest.mark.parametrize("name", ["a.txt", "LATEST", ".state/x", "snapshots/000001/x", ".winnow/x", "failed.html"])
def test_a_folder_that_is_not_ours_is_refused_and_not_touched(tmp_path, name):
    (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "out" / name).write_text("000001")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match="new or an empty folder"), locked(tmp_path / "out"):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_a_new_folder_is_marked_and_an_empty_one(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with locked(tmp_path / name) as said:
            assert said == []
        assert read_sealed(tmp_path / name / MARK)["winnow"] == "output"


@pytest.mark.parametrize("content", [None, b"", b"\xff", b'{"winnow": "output", "format": 9}'])
def test_a_lost_or_damaged_marker_is_written_anew_as_the_snapshots_show(out, content):
    (out / MARK).unlink()
    if content is not None:
        (out / MARK).write_bytes(content)
    with locked(out) as said:
        assert MARK in said[0]
    with locked(out) as said:
        assert said == []


def test_a_newer_format_is_refused_by_runs_and_readers(out):
    (out / MARK).write_text(sealed({"winnow": "output", "format": 99}))
    with pytest.raises(OutputError, match="newer Winnow"), locked(out):
        pass
    with pytest.raises(OutputError, match="newer Winnow"):
        open_snapshot(out)


@pytest.mark.parametrize("name", ["snapshots", ".state", "LATEST", ".lock", MARK])
def test_a_link_in_the_place_of_what_is_ours_is_refused(out, tmp_path, name):
    if (out / name).exists():
        (out / name).rename(tmp_path / "elsewhere")
    (out / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="symbolic link"), locked(out):
        pass


LATEST = {"lost": None, "empty": b"", "garbled": b"\xff\x00", "set back": b"000001\n", "naming nothing": b"000009\n"}


@pytest.mark.parametrize("content", LATEST.values(), ids=LATEST)
def test_whatever_befalls_LATEST_the_newest_published_snapshot_is_live_and_none_is_lost(out, content):
    (out / "LATEST").unlink()
    if content is not None:
        (out / "LATEST").write_bytes(content)
    assert open_snapshot(out).name == "000003"
    with locked(out):
        (sentence,) = tidy(out)
        assert "000003" in sentence
        assert tidy(out) == []
    assert (out / "LATEST").read_text() == "000003\n"
    assert names(out) == ["000001", "000002", "000003"]


@pytest.mark.parametrize("content", LATEST.values(), ids=LATEST)
def test_rollback_and_prune_work_whatever_befell_LATEST(out, content):
    (out / "LATEST").unlink()
    if content is not None:
        (out / "LATEST").write_bytes(content)
    assert prune(out, 2) == ["000001"]
    assert rollback(out, "000002").name == "000002"
    with locked(out):
        assert tidy(out) == []
    assert (open_snapshot(out).name, names(out)) == ("000002", ["000002", "000003"])


def test_after_a_rollback_and_back_LATEST_is_healed_to_what_is_live(out):
    rollback(out, "000001")
    assert rollback(out, "000002").name == "000002"
    (out / "LATEST").unlink()
    assert open_snapshot(out).name == "000002"


def test_a_damaged_manifest_is_named_and_deletes_nothing(out, tmp_path):
    manifest = out / "snapshots" / "000003" / "_manifest.json"
    content = manifest.read_text()
    for damaged in (
        content.replace('"rows": 0', '"rows": 1', 1),
        content.replace("sha256", "sha257"),
        "",
        content[:99],
    ):
        manifest.write_text(damaged)
        with pytest.raises(SnapshotError, match=r"000003/_manifest\.json"):
            open_snapshot(out)
        with locked(out):
            assert "_manifest.json" in tidy(out)[0]
    assert names(out) == ["000001", "000002"]
    with locked(out):
        assert put(out, tmp_path / "stage", "d").name == "000004"
    assert names(out) == ["000001", "000002", "000004"]
    assert (out / "snapshots" / "000003").exists()


def test_a_manifest_of_another_snapshot_is_damage(out):
    manifests = [out / "snapshots" / name / "_manifest.json" for name in ("000002", "000003")]
    manifests[1].write_text(manifests[0].read_text())
    with pytest.raises(SnapshotError, match="000002"):
        open_snapshot(out)


def test_foreign_folders_among_the_snapshots_stay_and_their_numbers_are_not_taken(out, tmp_path):
    for name in ("20240301", "000004"):
        (out / "snapshots" / name).mkdir()
        (out / "snapshots" / name / "documents").write_text("别人的")
    with locked(out):
        assert put(out, tmp_path / "stage", "d", keep=1).name == "000005"
    left = sorted(one.name for one in (out / "snapshots").iterdir())
    assert left == ["000004", "000005", "20240301"]


def test_a_foreign_current_stays(out, tmp_path):
    (out / "current").unlink()
    (out / "current").write_text("别人的")
    with locked(out):
        put(out, tmp_path / "stage", "d")
    assert (out / "current").read_text() == "别人的"


def test_a_folder_of_version_01_is_taken_over(out):
    """It wrote neither marks nor hashes; a snapshot newer than LATEST was never live."""
    keys = {
        "created_at": "",
        "collection": "",
        "assembled": {},
        "counts": {},
        "versions": {},
        "settings": {},
        "state": {},
    }
    for folder in (out / "snapshots").iterdir():
        manifest = read_sealed(folder / "_manifest.json") | keys
        (folder / "_manifest.json").write_text(json.dumps(manifest))
        for name in (MARK, "_published"):
            (folder / name).unlink()
    (out / MARK).unlink()
    (out / "LATEST").write_text("000002\n")
    with locked(out) as said:
        assert "Marked" in said[0]
        assert tidy(out) == []
    assert open_snapshot(out).name == "000002"
    assert [has_mark(out / "snapshots" / name) for name in ("000001", "000002", "000003")] == [True, True, False]


def test_a_state_that_is_not_ours_is_refused_and_one_that_lost_its_mark_is_marked(tmp_path):
    state = tmp_path / "out" / ".state"
    (state / "run").mkdir(parents=True)
    (state / "run" / "x").write_text("别人的")
    with pytest.raises(OutputError, match="Move it away"):
        claim_state(state)
    assert (state / "run" / "x").read_text() == "别人的"
    mine = tmp_path / "mine"
    (mine / "packs" / "a").mkdir(parents=True)
    (mine / "packs" / "a" / "contents.json").write_text("{}")
    claim_state(mine)
    assert has_mark(mine)


@pytest.mark.parametrize(
    ("folder", "file", "expected"),
    [(0o755, 0o644, 0o755), (0o750, 0o640, 0o750), (0o755, 0o600, 0o700), (0o700, 0o644, 0o700), (0o777, 0o604, 0o705)],
)
def test_a_new_output_is_no_more_open_than_the_raw_folder_and_its_files(tmp_path, folder, file, expected):
    raw = tmp_path / "raw"
    (raw / "deep").mkdir(parents=True)
    (raw / "deep" / "a.txt").write_text("x")
    (raw / "deep" / "a.txt").chmod(file)
    for one in (raw / "deep", raw):
        one.chmod(folder)
    assert openness(raw) & 0o555 == expected & 0o555
    with locked(tmp_path / "out", like=raw):
        pass
    assert (tmp_path / "out").stat().st_mode & 0o077 & ~expected == 0
    (tmp_path / "out").chmod(0o711)
    with locked(tmp_path / "out", like=raw):
        pass
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o711


@pytest.mark.parametrize("name", ["a\\b", "a\udcff"])
def test_a_path_that_DuckDB_cannot_be_told_is_refused(tmp_path, name):
    with pytest.raises(OutputError, match="another output folder"), locked(tmp_path / name):
        pass
    with pytest.raises(OutputError, match="another output folder"):
        open_snapshot(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
