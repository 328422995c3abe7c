"""The examples run as they stand and show what they are there to show."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHOWN = {
    "one_page": ("理事会周二通过了未来五年的河流治理规划", "left out as footer, by rule:zh-icp-filing"),
    "three_questions": ("What is there?", "rule:", "2022-11-08"),
    "teach_a_site": ("learned from 8 different documents", "0 failures", "template:example.org"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_an_example_shows_what_it_is_for(name):
    command = [sys.executable, ROOT / "examples" / f"{name}.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [one for one in SHOWN[name] if one not in done.stdout] == []


def test_every_example_is_shown():
    assert {file.stem for file in (ROOT / "examples").glob("*.py")} == set(SHOWN)
