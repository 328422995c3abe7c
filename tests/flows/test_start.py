"""Commands of flows begin where nothing is taken from, with what they were given made absolute."""

import os
from pathlib import Path

import pytest

from flows.start import StrictError, exit_codes, given
from pipeline.errors import SettingsError, WinnowError


@pytest.fixture
def ground(tmp_path, monkeypatch):
    (tmp_path / "raw" / "site").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "raw")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("start, raw", [("raw", "."), ("raw/site", ".."), ("link", "../raw"), ("raw", "../link")])
def test_a_command_leaves_the_raw_folder_and_takes_no_settings_from_it(ground, monkeypatch, start, raw):
    monkeypatch.chdir(ground / start)
    monkeypatch.setenv("WINNOW_RULES", os.path.relpath(ground / "规则", Path.cwd()))
    for folder in ("raw", "raw/site"):
        (ground / folder / "winnow.toml").write_text('workers = 7\nroots = ["/"]\n')
    this = given(raw, "out")
    assert Path.cwd() == Path("/")
    assert (this.settings.workers, this.roots) == (0, ())
    assert this.raw.resolve() == ground / "raw"
    assert this.out.resolve() == (ground / start / "out").resolve()
    assert this.settings.rules.resolve() == (ground / "规则").resolve()


def test_elsewhere_it_stays_and_takes_the_settings_that_lie_there(ground):
    (ground / "winnow.toml").write_text('workers = 7\nroots = ["."]\n')
    this = given("raw", "out")
    assert Path.cwd() == ground
    assert (this.settings.workers, this.roots) == (7, (ground,))
    with pytest.raises(SettingsError, match=r"out = .*does not lie in a folder that is allowed"):
        given("raw", "../out")


@pytest.mark.parametrize(
    "error, code",
    [(WinnowError("Wrong.", mend="Mend it."), 2), (StrictError("Strict."), 1), (KeyboardInterrupt(), 130)],
)
def test_exit_codes(error, code, capsys):
    with pytest.raises(SystemExit) as left, exit_codes():
        raise error
    assert left.value.code == code
    said = capsys.readouterr().err
    assert said.startswith("winnow: ") and said.count("\n") == 1
