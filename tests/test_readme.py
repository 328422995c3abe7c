"""The README's examples are run as they stand, and its table names files that exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
EXAMPLES = dict(re.findall(r"```python (\w+)\n(.*?)```", README, re.DOTALL))
ONE_DOCUMENT = EXAMPLES.pop("clean")
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    command = ["winnow", "run", str(ROOT / "raw"), "processed", "--workers", "1"]
    subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    return folder


def test_the_three_tools_and_our_own_reader_are_shown():
    assert set(EXAMPLES) == {"duckdb", "polars", "pandas", "winnow"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_same_question_gets_the_same_answer(folder, name):
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLES[name]], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert re.search(r"\ben\b", done.stdout)
    assert re.search(r"\b5\b", done.stdout)
    assert re.search(r"\b3[,_]?\d{3}\b", done.stdout)


def test_the_example_of_one_document_prints_its_title_and_what_decided_its_blocks():
    done = subprocess.run([sys.executable, "-c", ONE_DOCUMENT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Readout on the Second Meeting")
    assert re.search(r"\('\w+', 'rule:[a-z-]+'\)", done.stdout)


def test_every_file_that_is_linked_exists():
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link
