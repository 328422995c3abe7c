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


READERS = {
    "polars": "import polars; print(polars.scan_parquet({glob!r}).select(polars.len()).collect().item())",
    "duckdb": "import duckdb; print(len(duckdb.read_parquet({glob!r})))",
    "pandas": "import pandas; print(len(pandas.read_parquet({folder!r}, columns=['doc_id'])))",
    "pyarrow": "import pyarrow.dataset as d; print(d.dataset({folder!r}).count_rows())",
    "pyspark": "from pyspark.sql import SparkSession; "
    "print(SparkSession.builder.getOrCreate().read.parquet({glob!r}).count())",
}


@pytest.mark.parametrize("reader", READERS)
def test_what_the_path_command_prints_is_what_readers_take(folder, reader):
    pytest.importorskip(reader)
    forms = {}
    for form in ("glob", "folder", "files"):
        command = ["winnow", "path", "documents", "processed", "--as", form]
        done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True)
        forms[form] = done.stdout.removesuffix("\n")
    code = READERS[reader].format(**forms)
    counted = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert counted.stdout.strip() == "5"
    assert all(Path(file).is_file() for file in forms["files"].split("\n"))


def test_the_readers_of_the_analysts_page_are_those_that_are_tried():
    page = (ROOT / "docs" / "analyst.md").read_text("utf-8")
    listed = re.findall(r"^\| (\w+) \| the (?:glob|folder)", page, re.MULTILINE)
    assert {name.lower().replace("spark", "pyspark") for name in listed} == set(READERS)


def test_exit_codes_are_those_of_the_command():
    told = re.findall(r"^\| (\d+) \| ([^|]+) \|", README, re.MULTILINE)
    helped = subprocess.run(["winnow", "--help"], env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout
    assert [code for code, _ in told] == ["0", "1", "2", "130"]
    for code, meaning in told:
        assert re.search(rf"^ +{code} +{re.escape(meaning.replace('`', ''))}$", helped, re.MULTILINE), meaning


def test_the_example_of_one_document_prints_its_title_and_what_decided_its_blocks():
    done = subprocess.run([sys.executable, "-c", ONE_DOCUMENT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Readout on the Second Meeting")
    assert re.search(r"\('\w+', 'rule:[a-z-]+'\)", done.stdout)


def test_every_file_that_is_linked_exists():
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link
