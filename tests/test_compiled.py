import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.compiled import kernel

ROOT = Path(__file__).parent.parent

STEPS = """
from pipeline.compiled import kernel

STEP = 2


@kernel
def stepped(value):
    return value * STEP
"""
LOOPS = """
import numpy as np
from pipeline.compiled import kernel
from pipeline.steps import stepped

WEIGHTS = np.array([1, 10, 100], dtype=np.int64)


@kernel
def total(values):
    found = 0
    for index in range(len(values)):
        found += stepped(values[index]) * WEIGHTS[index % 3]
    return found


@kernel
def beyond(values):
    return values[len(values)]
"""
#: A process that imports the two as modules of the package, and says what it is asked.
PROCESS = """
import importlib.util, sys
import numpy as np
from pipeline import compiled

def module(name):
    spec = importlib.util.spec_from_file_location(f"pipeline.{name}", f"{sys.argv[1]}/{name}.py")
    made = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made

steps, loops = module("steps"), module("loops")
VALUES = np.arange(4, dtype=np.int64)
"""
#: What ``total`` of 0, 1, 2, 3 is: 2 * (0 * 1 + 1 * 10 + 2 * 100 + 3 * 1)
TOTAL = "426"
SAY_TOTAL = "print(loops.total(VALUES))"
SAY_HITS = "loops.total(VALUES); print(sum(loops.total.dispatcher._cache_hits.values()))"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "installed"
    made.mkdir()
    (made / "steps.py").write_text(STEPS, "utf-8")
    (made / "loops.py").write_text(LOOPS, "utf-8")
    return made


def begin(folder, code, **environment):
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    known = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS + code, str(folder)],
        env={**known, "HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        cwd=folder.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(folder, code, **environment):
    process = begin(folder, code, **environment)
    out, error = process.communicate()
    assert process.returncode == 0, error
    return out.strip()


def kept(folder):
    return sorted(folder.rglob("*.kernel"))


def test_a_kernel_answers_as_its_plain_function_does():
    @kernel
    def largest(values):
        best = values[0]
        for index in range(1, len(values)):
            best = max(best, values[index])
        return best

    values = np.array([3, 9, 4], dtype=np.int64)
    assert largest(values) == largest.py_func(values) == 9


def test_an_index_out_of_bounds_is_an_error_whatever_the_environment_says(folder):
    code = "\ntry:\n    loops.beyond(VALUES)\nexcept IndexError:\n    print('refused')"
    assert said(folder, code) == "refused"
    assert said(folder, code, NUMBA_BOUNDSCHECK="0") == "refused"
    assert said(folder, code, NUMBA_DISABLE_JIT="1") == "refused"


def test_who_calls_no_kernel_does_not_load_numba(folder):
    assert said(folder, "print('numba' in sys.modules)") == "False"


def test_without_a_compiler_kernels_run_as_they_are(folder):
    assert said(folder, f"{SAY_TOTAL}; print('numba' in sys.modules)", NUMBA_DISABLE_JIT="1").split() == [
        TOTAL,
        "False",
    ]
    assert not kept(folder)


def test_the_second_process_loads_what_the_first_compiled(folder):
    assert said(folder, SAY_HITS) == "0"
    assert said(folder, SAY_HITS) == "1"
    assert {file.parent for file in kept(folder)} == {folder / "__pycache__"}
    assert not list((folder.parent / "home").iterdir())


def test_what_is_kept_is_loaded_before_it_is_called(folder):
    load = "print(compiled.load_kept()); "
    assert said(folder, load + "loops.total(VALUES); loops.beyond.dispatcher.compile('int64(int64[::1])')") == "False"
    done = "print(len(loops.total.dispatcher.signatures), compiled.folders_in_use() == [loops_folder])"
    place = "from pathlib import Path; loops_folder = Path(sys.argv[1]) / '__pycache__'; "
    assert said(folder, place + load + done).split() == ["True", "1", "True"]


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-1], lambda data: data[:900] + b"\x00" + data[901:] + b"\x00"]
)
def test_what_is_damaged_is_compiled_anew_and_mended(folder, damage):
    said(folder, SAY_TOTAL)
    whole = {file: file.read_bytes() for file in kept(folder)}
    for file, data in whole.items():
        file.write_bytes(damage(data))
    assert said(folder, SAY_TOTAL) == TOTAL
    assert said(folder, SAY_HITS) == "1"


@pytest.mark.parametrize(
    ("file", "old", "new", "total"),
    [
        ("loops.py", "100]", "200]", "826"),
        ("steps.py", "STEP = 2", "STEP = 1", "213"),
        ("steps.py", "value * STEP", "value * STEP * 2", "852"),
    ],
)
def test_what_changes_in_a_kernel_or_in_what_it_uses_is_compiled_anew(folder, file, old, new, total):
    assert said(folder, SAY_TOTAL) == TOTAL
    source = folder / file
    source.write_text(source.read_text("utf-8").replace(old, new), "utf-8")
    assert said(folder, SAY_TOTAL) == total


def test_processors_that_share_a_folder_each_have_machine_code_of_their_own(folder):
    other = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    said(folder, SAY_TOTAL)
    n_files = len(kept(folder))
    assert said(folder, SAY_HITS, **other) == "0"
    assert len(kept(folder)) == 2 * n_files
    assert said(folder, SAY_HITS) == said(folder, SAY_HITS, **other) == "1"


def test_processes_may_compile_at_the_same_time(folder):
    both = [begin(folder, SAY_TOTAL) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == [TOTAL, TOTAL]
    assert said(folder, SAY_HITS) == "1"
    assert not list(folder.rglob("*.tmp"))


REFUSE = """
from pipeline import kept
def refuse(file, content, write=kept.write_whole):
    if "home" in file.parts and {at_home}:
        return write(file, content)
    raise OSError(30, "Read-only file system")
kept.write_whole = refuse
"""


def test_a_read_only_installation_uses_what_it_came_with(folder):
    said(folder, SAY_TOTAL)
    assert said(folder, REFUSE.format(at_home=True) + SAY_HITS) == "1"
    assert not kept(folder.parent / "home")


def test_of_a_read_only_installation_machine_code_is_kept_in_the_users_folder(folder):
    assert said(folder, REFUSE.format(at_home=True) + SAY_HITS) == "0"
    assert said(folder, REFUSE.format(at_home=True) + SAY_HITS) == "1"
    assert not kept(folder)
    (own,) = {file.parent for file in kept(folder.parent / "home")}
    assert own.is_relative_to(folder.parent / "home" / ".cache" / "winnow")
    own.chmod(0o777)  # anybody may have written it
    assert said(folder, REFUSE.format(at_home=True) + SAY_HITS) == "0"


def test_where_nothing_can_be_kept_kernels_are_compiled_in_memory(folder):
    assert said(folder, REFUSE.format(at_home=False) + SAY_TOTAL) == TOTAL
    (folder / "__pycache__").rmdir()
    (folder / "__pycache__").write_text("no folder", "utf-8")
    assert said(folder, SAY_TOTAL, HOME="/dev/null/nobody") == TOTAL
    assert not kept(folder.parent)


def test_nothing_is_kept_in_the_working_folder_or_where_numba_is_told_to(folder):
    raw = folder.parent / "raw"
    raw.mkdir()
    environment = {"NUMBA_CACHE_DIR": str(raw), "XDG_CACHE_HOME": "raw"}
    assert said(folder, f"import os; os.chdir({str(raw)!r}); " + SAY_TOTAL, **environment) == TOTAL
    assert not list(raw.rglob("*"))
