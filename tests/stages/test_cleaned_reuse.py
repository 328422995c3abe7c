"""Finishing again after templates changed: only records with a changed line, and the result is that of doing all."""

from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.boilerplate.templates import line_key
from pipeline.read.limits import ReadLimits
from pipeline.read.scan import scan
from pipeline.stages import children as stages
from pipeline.stages.tasks import CleanTask, FinishTask
from pipeline.store.files import note_contents, write_table
from pipeline.workers.journal import Span
from pipeline.workers.task import Limits

PAGES = {
    "harbour-a.org/1.txt": "Harbour news every day\nThe ferry was late again on Monday, and nobody on the pier knew the reason.\n",
    "harbour-a.org/2.txt": "Harbour news every day\nThe council opened a second repair café in the old hall, and forty people came.\n",
    "harbour-a.org/3.txt": "The lighthouse was painted white again after thirty years, as the keeper had wished.\n",
    "harbour-b.org/1.txt": "Harbour news every day\n渡轮周一又晚点了，码头上没有人知道原因，岛上的学校因此推迟了一个小时上课。\n",
    "harbour-b.org/2.txt": "海港新闻天天看\n灯塔三十年来第一次重新刷成白色，这是守塔人多年的心愿，市政府终于答应了。\n",
    "harbour-b.org/menu.txt": "海港新闻天天看\n",
}
WHOLE = (Span(),)
JOURNAL = SimpleNamespace(begin=lambda *_: None, safe=lambda *_: None)


@pytest.fixture
def cleaned(tmp_path):
    raw, folder = tmp_path / "raw", tmp_path / "cleaned"
    folder.mkdir()
    for path, text in PAGES.items():
        file = raw / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    task = CleanTask("0001", folder, Limits(1024, 60), raw, tuple(scan(raw)), ReadLimits())
    stages.clean_shard(task, folder, Span(), JOURNAL)
    return folder


@pytest.fixture
def finish(cleaned, tmp_path, monkeypatch):
    """Finish with these templates; the folder of the result and the paths of what was worked on."""
    done = []

    def noted(one, **options):
        done.append(one.record.path)
        return finish_record(one, **options)

    finish_record = stages.finish_record
    monkeypatch.setattr(stages, "finish_record", noted)

    def do(name, templates, earlier=None, spans=WHOLE, **options):
        done.clear()
        folder, hits = tmp_path / name, tmp_path / f"{name}.parquet"
        folder.mkdir()
        pairs = sorted((site, line_key(line)) for site, line in templates)
        sites, keys = [site for site, _ in pairs], [key for _, key in pairs]
        write_table(pa.table({"site": pa.array(sites, pa.string()), "key": pa.array(keys, pa.uint64())}), hits)
        made_with = {"backend": "lid176", "seed": 0, "version": "1", **options}
        task = FinishTask("0001", folder, Limits(1024, 60), 6, cleaned, hits, earlier=earlier, **made_with)
        for span in spans:
            stages.finish_shard(task, folder, span, JOURNAL)
        note_contents(folder)
        return folder, list(done)

    return do


def rows(folder):
    return {file.name: pq.read_table(file).to_pylist() for file in folder.glob("*-*.parquet")}


BEFORE = [("harbour-a.org", "Harbour news every day")]


@pytest.mark.parametrize(
    ("templates", "expected"),
    [
        (BEFORE, []),
        ([], ["harbour-a.org/1.txt", "harbour-a.org/2.txt"]),
        ([*BEFORE, ("harbour-b.org", "海港新闻天天看")], ["harbour-b.org/2.txt", "harbour-b.org/menu.txt"]),
        ([*BEFORE, ("harbour-a.org", "no such line"), ("harbour-c.org", "Harbour news every day")], []),
        (
            [("harbour-b.org", "Harbour news every day")],
            ["harbour-a.org/1.txt", "harbour-a.org/2.txt", "harbour-b.org/1.txt"],
        ),
    ],
)
def test_only_records_with_a_changed_line_are_finished_again(finish, templates, expected):
    earlier, everything = finish("earlier", BEFORE)
    assert sorted(everything) == sorted(PAGES)
    again, done = finish("again", templates, earlier)
    assert sorted(done) == expected
    afresh, everything = finish("afresh", templates)
    assert len(everything) == len(PAGES)
    assert rows(again) == rows(afresh)


@pytest.mark.parametrize("option", [{"seed": 1}, {"backend": "langdetect"}, {"version": "2"}])
def test_a_result_made_with_something_else_is_not_taken_over(finish, option):
    earlier, _ = finish("earlier", BEFORE)
    _, done = finish("again", BEFORE, earlier, **option)
    assert len(done) == len(PAGES)


def test_what_is_missing_of_the_earlier_result_is_made_again(finish):
    earlier, _ = finish("earlier", BEFORE)
    for file in earlier.glob("*.documents.parquet"):
        file.unlink()
    again, done = finish("again", [], earlier)
    assert len(done) == len(PAGES)
    assert rows(again) == rows(finish("afresh", [])[0])


@pytest.mark.parametrize("templates", [BEFORE, [], [*BEFORE, ("harbour-b.org", "海港新闻天天看")]])
@pytest.mark.parametrize("given_up", [0, 1])
def test_a_chunk_that_an_earlier_result_has_in_pieces_is_taken_over_whole(finish, templates, given_up):
    """Its child died at a record, so that what came before and after it was made by others; or it was given up."""
    spans = [Span((0, 0), (0, 2)), Span((0, 2 + given_up), (0, 5)), Span((0, 5), None)]
    earlier, _ = finish("earlier", BEFORE, spans=spans)
    again, done = finish("again", templates, earlier)
    assert (sorted(PAGES)[2] in done) >= given_up
    expected = [sorted(PAGES)[2]] * given_up if templates == BEFORE else done
    assert done == expected
    afresh, _ = finish("afresh", templates)
    assert tables(again) == tables(afresh)


def test_a_result_of_other_records_is_not_taken_over(finish):
    earlier, _ = finish("earlier", BEFORE, made_of="some")
    _, done = finish("again", BEFORE, earlier, made_of="others")
    assert len(done) == len(PAGES)


def tables(folder):
    found = {}
    for file in sorted(folder.glob("*-*.parquet")):
        found.setdefault(file.name.split(".")[1], []).extend(pq.read_table(file).to_pylist())
    return found
