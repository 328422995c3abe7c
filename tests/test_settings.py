import os

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import Settings, load_settings, surroundings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_passed_in_beats_environment_beats_file_beats_default(elsewhere, monkeypatch):
    assert load_settings().workers == 0
    (elsewhere / "winnow.toml").write_text("workers = 2\nnear_jaccard = 0.7\n")
    assert load_settings().workers == 2
    monkeypatch.setenv("WINNOW_WORKERS", "3")
    assert load_settings().workers == 3
    assert load_settings({"workers": "4"}).workers == 4
    assert load_settings().near_jaccard == 0.7


@pytest.mark.parametrize(
    ("values", "named"),
    [({"workers": -1}, "workers"), ({"near_jaccard": "much"}, "near_jaccard"), ({"wrokers": 1}, "wrokers")],
)
def test_a_wrong_value_is_named(values, named):
    with pytest.raises(SettingsError, match=named):
        load_settings(values)


def test_an_unknown_variable_is_named(monkeypatch):
    monkeypatch.setenv("WINNOW_WROKERS", "3")
    with pytest.raises(SettingsError, match="WINNOW_WROKERS"):
        load_settings()


@pytest.mark.parametrize("content", ["wrokers = 1", "workers = ", "workers = 'many'"])
def test_a_wrong_file_is_named(elsewhere, content):
    (elsewhere / "winnow.toml").write_text(content)
    with pytest.raises(SettingsError, match=r"wrokers|winnow\.toml|workers"):
        load_settings()


def test_every_setting_says_what_it_means():
    assert all(field.description for field in Settings.model_fields.values())


@pytest.fixture
def raw(elsewhere):
    (elsewhere / "raw" / "site").mkdir(parents=True)
    return elsewhere / "raw"


@pytest.mark.parametrize("place", [".", "site", "../link"])
def test_a_file_of_the_raw_folder_is_no_setting(raw, monkeypatch, place):
    (raw.parent / "link").symlink_to(raw)
    monkeypatch.chdir(raw / place)
    for folder in (raw, raw / "site"):
        (folder / "winnow.toml").write_text("workers = 7\nnonsense = [")
    assert load_settings(raw=raw).workers == 0
    around = surroundings(raw=raw)
    assert (around.file, around.refused.name) == (None, "winnow.toml")
    assert "lies among the raw files" in str(around)


def test_a_link_to_a_raw_file_is_no_setting(raw):
    (raw / "a.toml").write_text("workers = 7\n")
    (raw.parent / "winnow.toml").symlink_to(raw / "a.toml")
    assert load_settings(raw=raw).workers == 0


def test_where_raw_files_lie_is_not_known_no_file_counts(elsewhere):
    (elsewhere / "winnow.toml").write_text("workers = 7\n")
    assert (load_settings(trusted=False).workers, load_settings().workers) == (0, 7)


def test_what_counts_is_told(elsewhere, monkeypatch):
    assert str(surroundings(raw=None)) == ""
    (elsewhere / "winnow.toml").write_text("workers = 7\nshard_mb = 3\nmemory_mb = 900\n")
    monkeypatch.setenv("WINNOW_SHARD_MB", "4")
    monkeypatch.setenv("WINNOW_SHARD_FILES", "")
    told = str(surroundings({"memory_mb": 800, "record_seconds": None}, raw=None))
    assert told == f"Settings from {elsewhere / 'winnow.toml'} (workers), WINNOW_SHARD_MB."


@pytest.mark.parametrize("rules", ["raw", "raw/rules", "link", "mixed", "over", ""])
def test_rules_that_lie_among_the_raw_files_are_refused(raw, rules):
    (raw / "rules" / "sites").mkdir(parents=True)
    (raw / "rules" / "any.toml").write_text("")
    here = raw.parent
    (here / "link").symlink_to(raw / "rules")
    for name in ("mixed", "over"):
        (here / name).mkdir()
    (here / "mixed" / "zh.toml").symlink_to(raw / "rules" / "any.toml")
    (here / "over" / "sites").symlink_to(raw / "site")
    with pytest.raises(SettingsError, match=r"among the raw files|empty"):
        load_settings({"rules": rules}, raw=raw)


def test_rules_are_known_by_their_full_name(raw, monkeypatch):
    (raw.parent / "规则").mkdir()
    monkeypatch.chdir(raw)
    assert load_settings({"rules": "../规则"}, raw=raw).rules == raw / ".." / "规则"


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_settings_file_that_is_no_file_is_named(elsewhere, make):
    make(elsewhere / "winnow.toml")
    with pytest.raises(SettingsError, match=r"winnow\.toml is no file"):
        load_settings()
