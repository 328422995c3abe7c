"""Which files of a pack a later run takes: those whose rules are the same."""

import json
import random

import pyarrow as pa
import pytest

from pipeline.store.files import note_contents, write_table
from pipeline.store.marks import make_marked
from pipeline.store.state import ABOUT, seal, take_packs
from pipeline.types import RawInput

SITES = ["news.example.org", "example.org", "www.example.cn", "other.net", None]
DOMAINS = ["org", "example.org", "news.example.org", "example.cn", "net"]


def rules_of(site, rules):
    """What speaks for a site: its domain's rules and those of the domains above."""
    return [
        (domain, rules[domain]) for domain in DOMAINS if domain in rules and site and f".{site}".endswith(f".{domain}")
    ]


def test_a_change_of_rules_is_felt_by_the_files_of_its_sites_alone(tmp_path):
    rng = random.Random(1)
    for trial in range(30):
        sites = {f"{n}.txt": rng.choice(SITES) for n in range(12)}
        folder = tmp_path / f"{trial}" / "pack"
        make_marked(folder, "results")
        columns = {"path": list(sites), "site": pa.array(sites.values(), pa.string())}
        write_table(pa.table(columns), folder / "0.records.parquet")
        note_contents(folder)
        before, now = ({name: rng.choice("ab") for name in rng.sample(DOMAINS, 3)} for _ in range(2))
        seal(folder, made_with="x", site_rules=before, files=dict.fromkeys(sites, "hash"))
        inputs = [RawInput(path, 1, 1, "hash") for path in sites]
        same = {path for path, site in sites.items() if rules_of(site, before) == rules_of(site, now)}
        packs, rest, damaged = take_packs(folder.parent, inputs, made_with="x", site_rules=now)
        assert not damaged
        taken = {path for pack in packs for path in pack.live}
        assert taken <= same and {one.path for one in rest} == set(sites) - taken
        assert taken == same or 2 * len(same) < len(sites)  # of a pack that is mostly stale nothing is worth taking


def test_a_pack_does_not_name_the_sites_of_its_records(tmp_path):
    write_table(
        pa.table({"path": ["a"] * 500, "site": [f"s{n}.example" for n in range(500)]}), tmp_path / "0.records.parquet"
    )
    seal(tmp_path, made_with="x", site_rules={"example.org": "r"}, files={"a": "hash"})
    assert json.loads((tmp_path / ABOUT).read_text())["site_rules"] == {"example.org": "r"}
    assert (tmp_path / ABOUT).stat().st_size < 200


@pytest.mark.parametrize(("size", "kept"), [(1_000, 0), (4 << 20, 20)])
def test_many_packs_of_little_work_become_one_and_those_of_large_files_stay(tmp_path, size, kept):
    inputs = [RawInput(f"{pack:02}-{n}.txt", size, 1, "hash") for pack in range(20) for n in range(3)]
    for pack in range(20):
        folder, paths = tmp_path / f"{pack:02}", [one.path for one in inputs[3 * pack : 3 * pack + 3]]
        make_marked(folder, "results")
        write_table(pa.table({"path": paths, "site": ["a.org"] * 3}), folder / "0.records.parquet")
        note_contents(folder)
        seal(folder, made_with="x", site_rules={}, files=dict.fromkeys(paths, "hash"))
    packs, rest, _ = take_packs(tmp_path, inputs, made_with="x", site_rules={})
    assert (len(packs), len(rest)) == (kept, 60 - 3 * kept)
