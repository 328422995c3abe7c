"""What the verdicts say of a pack is the same in any order, and another pack's verdicts do not touch it."""

import random

import pyarrow as pa

from pipeline.schema import VERDICTS
from pipeline.stages.dedup import verdict_fingerprints
from pipeline.store.files import write_table
from pipeline.store.state import FinishedPack


def verdict(one, of):
    row = {"id": one, "duplicate_of": of, "method": "near", "jaccard": 0.7, "containment": 0.9}
    return {**row, "cluster_id": of}


def test_a_pack_is_known_by_the_verdicts_on_its_documents_alone(tmp_path):
    packs = {"a": ["a1", "a2", "a3"], "b": ["b1", "b2"], "c": ["c1"]}
    for name, ids in packs.items():
        (tmp_path / name).mkdir()
        write_table(pa.table({"doc_id": [*ids, *ids]}), tmp_path / name / "0.signatures.parquet")
    finished = [
        FinishedPack(tmp_path / "a", ["a3"]),
        FinishedPack(tmp_path / "b", []),
        FinishedPack(tmp_path / "c", []),
    ]
    rows = [verdict("a1", "a2"), verdict("a3", "c1"), verdict("b1-0", "a2-1"), verdict("b2-1", "a1-0")]

    def said(rows):
        cuts = [pa.Table.from_pylist([row], schema=VERDICTS) for row in rows]
        return verdict_fingerprints(finished, pa.concat_tables([VERDICTS.empty_table(), *cuts]))

    before = said(rows)
    for seed in range(5):
        assert said(random.Random(seed).sample(rows, len(rows))) == before
    without_dead = said([row for row in rows if row["id"] != "a3"])
    assert without_dead[:2] == before[:2] and without_dead[2] != before[2]  # c1 stands for one less
    assert [one == other for one, other in zip(said([*rows, verdict("b2", "b1")]), before, strict=True)] == [
        True,
        False,
        True,
    ]
