"""A file's rows are bounded whatever it holds, and the bound is the same in any cuts."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Reason, Rejection, Skipped
from pipeline.read.limits import ReadLimits
from pipeline.stages import children as stages
from pipeline.stages.outcomes import by_reason, left_out_in, n_left_out
from pipeline.stages.tasks import CleanTask
from pipeline.store import left_out
from pipeline.store.files import write_table
from pipeline.store.left_out import LEFT_OUT, bounded, gathered, left_out_table
from pipeline.types import RawInput
from pipeline.workers.journal import Span
from pipeline.workers.task import Limits

OWN = 3


@pytest.fixture(autouse=True, scope="module")
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(left_out, "OWN_ROWS", OWN)
        patch.setattr(left_out, "SLICE", 5)
        patch.setattr(stages, "SLICE", 7)
        yield


def plain(rows):
    """The rule said with objects: the first rows of a file are their own, the others one a stage and reason."""
    own, kinds, kept = {}, {}, []
    for one in rows:
        file = (one.path, one.outcome)
        own[file] = own.get(file, 0) + 1
        kind = (*file, one.stage, one.reason)
        if own[file] <= OWN:
            kept.append(one)
        elif kind in kinds:
            kinds[kind][0] += 1
        else:
            kinds[kind] = [1, one]
            kept.append(one)
    counts = {id(one): n for n, one in kinds.values()}
    return [
        {**{name: getattr(one, name) for name in LEFT_OUT.names}, "n_records": counts.get(id(one), 1)} for one in kept
    ]


one_row = st.builds(
    lambda kind, *rest: kind(*rest),
    st.sampled_from([Rejection, Skipped]),
    st.sampled_from(["a.jsonl", "目录/乙.jsonl"]),
    st.one_of(st.none(), st.integers(1, 999).map(str)),
    st.sampled_from(["read", "finish"]),
    st.sampled_from([Reason.BROKEN_JSON, Reason.EMPTY]),
    st.sampled_from(["坏行", "a bad line"]),
    st.just(1),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(one_row, max_size=60), st.randoms(use_true_random=False))
def test_the_bound_is_the_same_in_any_cuts_and_loses_no_record(rows, rng):
    expected = plain(rows)
    whole = bounded(left_out_table(rows))
    assert whole.to_pylist() == expected
    assert sum(whole["n_records"].to_pylist()) == len(rows)
    cuts = sorted(rng.randint(0, len(rows)) for _ in range(rng.randint(0, 6)))
    parts = [left_out_table(rows[i:j]) for i, j in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    parts = [bounded(part) if rng.random() < 0.5 else part for part in parts]
    assert gathered(parts).to_pylist() == expected
    while len(parts) > 1:  # in any nesting
        at = rng.randrange(len(parts) - 1)
        parts[at : at + 2] = [gathered(parts[at : at + 2])]
    assert bounded(parts[0]).to_pylist() == expected


class Silent:
    """A journal that notes nothing."""

    def begin(self, *_):
        pass

    def safe(self, *_):
        pass


def test_what_a_child_leaves_out_does_not_depend_on_where_it_died_or_its_chunks_were_cut(tmp_path, monkeypatch):
    rng = random.Random(5)
    kinds = ["{not json", '{"text": ""}', '{"no": 1}', '{"text": " \\n "}']
    lines = [
        rng.choice([*kinds, json.dumps({"text": f"第{n}次会议讨论了进展。 Meeting {n} was held."})]) for n in range(120)
    ]
    (tmp_path / "raw").mkdir()
    for name in ("a.jsonl", "乙.jsonl"):
        (tmp_path / "raw" / name).write_text("\n".join(lines), "utf-8")
    facts = {file.name: file.stat() for file in sorted((tmp_path / "raw").iterdir())}
    inputs = tuple(RawInput(name, fact.st_size, fact.st_mtime_ns, "") for name, fact in facts.items())
    task = CleanTask("0001", tmp_path, Limits(1024, 60), tmp_path / "raw", inputs, ReadLimits())

    def done(name, cuts, chunk_records):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.setattr(stages, "CHUNK_RECORDS", chunk_records)
        for start, stop in zip([(0, 0), *cuts], [*cuts, None], strict=True):
            stages.clean_shard(task, folder, Span(start, stop), Silent())
        write_table(LEFT_OUT.empty_table(), folder / "given_up.parquet")
        return left_out_in(folder)

    whole = done("whole", [], 256)
    assert whole.num_rows <= 2 * (OWN + 6)
    assert n_left_out(whole, "quarantine") == sum(n for _, _, n in by_reason(whole))
    assert {row["path"] for row in whole.to_pylist()} == {"a.jsonl", "乙.jsonl"}
    for trial in range(4):
        cuts = sorted((rng.randrange(2), rng.randrange(120)) for _ in range(4))
        assert done(f"cut-{trial}", cuts, rng.choice([1, 7, 256])).to_pylist() == whole.to_pylist()
