import importlib
import importlib.util
import pickle
import sys

import numpy as np
import pytest

from pipeline import kept

MODULE = """
from pathlib import Path
import numpy as np
from pipeline.kept import kept

FACTOR = 2
CALLS = Path(__file__).with_suffix(".calls")


def factor():
    return FACTOR


@kept("numpy")
def table():
    with CALLS.open("a") as calls:
        calls.write("x")
    made = np.arange(100, dtype=np.int64) * factor()
    made.setflags(write=False)
    return made
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = tmp_path / "installed" / "tables.py"
    file.parent.mkdir()
    file.write_text(MODULE, "utf-8")
    return file


def made(source):
    """The table as a new process has it, and how often it was made by now."""
    spec = importlib.util.spec_from_file_location("tables", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.table() is module.table()
    return module.table(), len((source.with_suffix(".calls")).read_text())


def files(folder):
    return sorted(folder.rglob("*.table"))


def test_what_was_made_is_loaded_as_it_was(source):
    first, _ = made(source)
    second, n_calls = made(source)
    assert n_calls == 1
    assert np.array_equal(first, second) and first.dtype == second.dtype
    assert first.flags.writeable is second.flags.writeable is False
    assert [file.parent for file in files(source.parent.parent)] == [source.parent / "__pycache__"]


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-1], lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:]]
)
def test_what_is_damaged_is_made_anew(source, damage):
    whole, _ = made(source)
    (file,) = files(source.parent)
    data = file.read_bytes()
    file.write_bytes(damage(data))
    again, n_calls = made(source)
    assert n_calls == 2 and np.array_equal(whole, again)
    assert file.read_bytes() == data


def test_what_its_function_uses_decides_whether_it_is_still_right(source):
    before, _ = made(source)
    source.write_text(MODULE.replace("FACTOR = 2", "FACTOR = 3"), "utf-8")
    after, n_calls = made(source)
    assert n_calls == 2 and after[1] == 3 and before[1] == 2


def test_what_cannot_be_kept_beside_its_source_is_kept_in_the_users_folder(source, monkeypatch):
    (source.parent / "__pycache__").write_text("no folder", "utf-8")
    made(source)
    assert made(source)[1] == 1
    (file,) = files(source.parent.parent / "home")
    assert file.is_relative_to(source.parent.parent / "home" / ".cache" / "winnow")
    file.parent.chmod(0o777)
    assert made(source)[1] == 2  # anybody may have written it
    monkeypatch.setenv("HOME", "/dev/null/nobody")
    assert made(source)[1] == 3


NAMES = {
    "pipeline.boilerplate.charstats": "_kind_table",
    "pipeline.dedup.signature": "_folding",
    "pipeline.language.backends": "_latin _profiles",
    "pipeline.language.scripts": "han_sets",
    "pipeline.metadata.site": "_suffixes",
    "pipeline.text.quality": "_class_table",
}


@pytest.mark.parametrize("module", NAMES)
def test_tables_that_are_kept_pickle(module):
    for name in NAMES[module].split():
        function = getattr(importlib.import_module(module), name)
        content = pickle.dumps(function.__wrapped__.__wrapped__(), protocol=5)
        assert same(pickle.loads(content), function()), name


def same(one, other):
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other) and one.flags.writeable == other.flags.writeable
    if isinstance(one, tuple):
        return all(map(same, one, other))
    if hasattr(one, "__slots__") and not isinstance(one, frozenset | str | bytes | int):
        return all(same(getattr(one, name), getattr(other, name)) for name in one.__slots__)
    return vars(one) == vars(other) if hasattr(one, "__dict__") else one == other


def test_nothing_is_kept_where_the_working_folder_says(source, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert list(kept.folders(source)) == [source.parent / "__pycache__"]
