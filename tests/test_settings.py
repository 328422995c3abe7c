import pytest

from pipeline.errors import SettingsError
from pipeline.settings import Settings, load_settings


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
