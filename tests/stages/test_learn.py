import random

import numpy as np
import pyarrow as pa
import pytest

from pipeline.stages import learn as learning
from pipeline.stages.learn import learn, load_learned, save_learned
from pipeline.store.files import write_table
from pipeline.store.state import Pack

SITES = ("news.example.org", "www.example.cn", "policy.example.net", None)
NEEDED = {"min_documents": 3, "min_share": 0.25}


def make_packs(folder, rng, *, changed=""):
    """Two packs of two chunks; each site has a menu of its own around lines that are nowhere else."""
    packs, number = [], 0
    for pack in ("a", "b"):
        (folder / pack).mkdir(parents=True)
        for chunk in range(2):
            records, keys = [], []
            for _ in range(20):
                site = rng.choice(SITES)
                menu = [10 + SITES.index(site), 20 + SITES.index(site)]
                lines = [*menu, *(1000 + number * 10 + line for line in range(rng.randint(1, 5))), menu[0] + 20]
                text = f"{number}{changed if site == SITES[0] else ''}"
                records.append({"site": site, "doc_id": f"{number:04d}", "blocks_hash": text, "n_blocks": len(lines)})
                keys += lines
                number += 1
            name = folder / pack / f"{chunk:07d}-000000000"
            write_table(pa.Table.from_pylist(records), name.with_name(name.name + ".records.parquet"))
            blocks = {"key": np.array(keys, np.uint64), "n_tokens": np.full(len(keys), 3, np.int32)}
            table = pa.table({**blocks, "score": pa.array([0.1] * len(keys))})
            write_table(table, name.with_name(name.name + ".blocks.parquet"))
        packs.append(Pack(folder / pack, {"x": ""}, frozenset("x")))
    return packs


@pytest.mark.parametrize("batch", [1, 7, 10_000])
def test_what_is_learned_does_not_depend_on_how_many_lines_fit_into_memory(tmp_path, monkeypatch, batch):
    packs = make_packs(tmp_path, random.Random(1))
    whole = learn(packs, None, **NEEDED, spill=tmp_path / "whole")
    assert set(whole.templates["site"].to_pylist()) == {site for site in SITES if site}
    monkeypatch.setattr(learning, "BATCH_LINES", batch)
    spilled = learn(packs, None, **NEEDED, spill=tmp_path / "spilled")
    assert len(list((tmp_path / "spilled").iterdir())) == (1 if batch > 1000 else 3)
    assert spilled.templates.equals(whole.templates)
    assert spilled.sites == whole.sites


def test_only_sites_that_changed_are_learned_anew_and_the_result_is_that_of_learning_all(tmp_path):
    first = learn(make_packs(tmp_path / "old", random.Random(1)), None, **NEEDED, spill=tmp_path / "1")
    packs = make_packs(tmp_path / "new", random.Random(1), changed="x")
    whole = learn(packs, None, **NEEDED, spill=tmp_path / "2")
    again = learn(packs, first, **NEEDED, spill=tmp_path / "3")
    assert {site for site in whole.sites if whole.sites[site] != first.sites[site]} == {SITES[0]}
    assert (again.sites, again.templates.to_pylist()) == (whole.sites, whole.templates.to_pylist())


def test_no_packs_teach_nothing(tmp_path):
    assert learn([], None, **NEEDED, spill=tmp_path / "none").templates.num_rows == 0


def test_what_was_learned_is_kept_for_the_same_code_alone(tmp_path):
    learned = learn(make_packs(tmp_path / "packs", random.Random(2)), None, **NEEDED, spill=tmp_path / "spill")
    (tmp_path / ".state").mkdir()
    save_learned(learned, tmp_path, "this code")
    again = load_learned(tmp_path, "this code")
    assert again.sites == learned.sites and again.templates.equals(learned.templates)
    assert load_learned(tmp_path, "other code") is None
