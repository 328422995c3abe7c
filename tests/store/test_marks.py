"""Only what is ours is deleted; that a kill at any call leaves only ours is in ``store/test_store_faults.py``."""

import re

import pytest

from pipeline.errors import OutputError
from pipeline.store.marks import has_mark, make_marked, refuse_links, remove_ours, unoccupied

FILES = re.compile(r"(?:.+/)?[^/]+\.ours")


@pytest.fixture
def folder(tmp_path):
    make_marked(tmp_path / "root" / "made", "results")
    made = tmp_path / "root" / "made"
    (made / "deep" / "er").mkdir(parents=True)
    for name in ("a.ours", "deep/b.ours", "deep/er/c.ours"):
        (made / name).write_text("ours")
    return made


def test_a_folder_of_ours_goes_whole(folder):
    remove_ours(folder, FILES)
    assert list(folder.parent.iterdir()) == []


def test_what_is_not_ours_in_it_stays_and_links_are_not_followed(folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.ours").write_text("珍贵")
    (folder / "deep" / "note.txt").write_text("笔记")
    (folder / "deep" / "link").symlink_to(outside)
    (folder / "link.ours").symlink_to(outside / "precious.ours")
    remove_ours(folder, FILES)
    assert (outside / "precious.ours").read_text() == "珍贵"
    left = sorted(str(one.relative_to(folder)) for one in folder.rglob("*"))
    assert left == ["deep", "deep/link", "deep/note.txt", "link.ours"]
    assert not has_mark(folder)
    assert unoccupied(folder) == folder.with_name("made-2")


def test_a_link_to_a_marked_folder_carries_no_mark(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert not has_mark(tmp_path / "link")
    with pytest.raises(OutputError, match="link"):
        refuse_links(folder, tmp_path / "link")
