"""Training without its trainer: jobs in forked processes, and the confidence fitted to what was reached."""

import numpy as np
import pytest

from benchmarks.labelled_pages import Page
from pipeline.extract import extract
from training.train_labeller import fit_confidence, run_forked

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def test_each_job_has_its_result_under_its_name():
    jobs = {name: lambda name=name: (name, name * 2) for name in range(5)}
    assert run_forked(jobs, at_once=2) == {name: (name, name * 2) for name in range(5)}


def test_a_job_that_fails_is_named(capfd):
    with pytest.raises(RuntimeError, match="bad failed"):
        run_forked({"bad": lambda: 1 / 0}, at_once=1)
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_the_confidence_promises_on_average_what_was_reached():
    html = "<h1>碳市场 Carbon market</h1>" + "".join(
        f"<p>第{n}期配额成交。 Permits were sold again.</p>" for n in range(9)
    )
    found = extract(html, "text/html")
    page = Page("made", "zh", "a.example", "", html, "html", found.blocks, (1.0,) * len(found.blocks), found.head)
    scores = np.linspace(0.1, 0.9, len(found.blocks)).astype(np.float32)
    rng = np.random.default_rng(0)
    mixed = [rng.permutation(scores) for _ in range(40)]
    low = fit_confidence([page] * 40, mixed, [0.2] * 40)
    high = fit_confidence([page] * 40, mixed, [0.9] * 40)
    assert (high - low)[0] > 0
    assert np.isfinite([low, high]).all()
