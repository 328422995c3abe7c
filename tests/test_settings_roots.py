"""A place outside the allowed folders is refused, whichever way it is written."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SettingsError
from pipeline.settings import load_roots, load_settings, within_roots


@pytest.fixture
def ground(tmp_path):
    for name in ("allowed/原始", "other", "allowed-not"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "allowed" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "allowed" / "loop").symlink_to(tmp_path / "allowed" / "loop")
    (tmp_path / "into").symlink_to(tmp_path / "allowed" / "原始")
    return tmp_path


OUTSIDE = (
    "other",
    "other/not/there",
    "allowed-not",
    "allowed/../other",
    "allowed/not/there/../../../other",
    "allowed/link",
    "allowed/link/deeper",
    "allowed/原始/../link",
    "nul\0",
    "half\ud800",
    ".",
    "/",
    "/etc",
    "//etc",
)


@pytest.mark.parametrize("name", OUTSIDE, ids=ascii)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_lies_outside_is_refused_as_raw_as_out_and_as_rules(ground, name, which):
    places = [ground / "allowed" / "原始"] * 3
    places[which] = ground / name
    with pytest.raises(SettingsError, match="does not lie in a folder that is allowed") as refused:
        within_roots([ground / "allowed"], *places)
    assert ("raw", "out", "rules")[which] in refused.value.message


@pytest.mark.parametrize("name", ["allowed", "allowed/原始", "allowed/new/deep", "allowed/link/../allowed/new", "into"])
def test_what_lies_inside_comes_back_as_it_really_is(ground, name):
    raw, out = within_roots([ground / "other", ground / "allowed"], ground / name, ground / name)
    assert raw == out
    assert str(raw) == os.path.realpath(ground / name)
    assert raw.is_relative_to(ground / "allowed")


def test_relative_places_are_those_of_the_working_folder(ground, monkeypatch):
    monkeypatch.chdir(ground / "allowed")
    assert within_roots([ground / "allowed"], *map(type(ground), ("原始", "out")))[1] == ground / "allowed" / "out"
    with pytest.raises(SettingsError):
        within_roots([ground / "allowed"], type(ground)("原始"), type(ground)("../out"))


def test_without_roots_there_is_no_limit(ground):
    assert within_roots((), ground / "x", ground / "y", ground / "z") == (ground / "x", ground / "y")


@given(st.lists(st.sampled_from(["..", ".", "a", "b", "link", "原始", ""]), max_size=8))
def test_no_path_leads_out(tmp_path_factory, parts):
    ground = tmp_path_factory.getbasetemp() / "roots"
    (ground / "in" / "a" / "b").mkdir(parents=True, exist_ok=True)
    if not (ground / "in" / "link").is_symlink():
        (ground / "in" / "link").symlink_to("../..")
    place = ground / "in" / "/".join(parts)
    try:
        raw, _ = within_roots([ground / "in"], place, ground / "in")
    except SettingsError:
        assert not place.resolve().is_relative_to((ground / "in").resolve())
    else:
        assert raw.is_relative_to((ground / "in").resolve())


def test_roots_come_from_the_environment_or_the_settings_file_and_from_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_roots() == ()
    (tmp_path / "winnow.toml").write_text('roots = ["/data/原始", "out"]\nworkers = 3\n', "utf-8")
    assert [str(one) for one in load_roots()] == ["/data/原始", str(tmp_path / "out")]
    assert load_settings().workers == 3
    monkeypatch.setenv("WINNOW_ROOTS", f"/data/a:{tmp_path}:")
    assert [str(one) for one in load_roots()] == ["/data/a", str(tmp_path)]
    monkeypatch.setenv("WINNOW_ROOTS", '["/data/with:colon"]')
    assert [str(one) for one in load_roots()] == ["/data/with:colon"]
    monkeypatch.setenv("WINNOW_ROOTS", "[broken")
    with pytest.raises(SettingsError, match="roots"):
        load_roots()
    monkeypatch.delenv("WINNOW_ROOTS")
    assert "roots" not in load_settings().model_dump()


def test_the_command_line_keeps_to_them(ground, monkeypatch):
    from click.testing import CliRunner

    from pipeline.cli import winnow

    monkeypatch.setenv("WINNOW_ROOTS", str(ground / "allowed"))
    (ground / "other" / "a.txt").write_text("text")
    done = CliRunner().invoke(winnow, ["run", str(ground / "allowed" / "link"), str(ground / "allowed" / "out")])
    assert isinstance(done.exception, SettingsError)
    assert not (ground / "allowed" / "out").exists()
