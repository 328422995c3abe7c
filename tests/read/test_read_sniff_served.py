"""A file named like a program that serves pages is read when it holds the page, not when it holds the program."""

from pathlib import Path

import pytest

from pipeline.errors import Skipped
from pipeline.read import read_file
from pipeline.types import Record

PAGE = "<html><body><p>盐场的风车去年换了新叶片。</p></body></html>"
NOTICE = "<br />\n<b>Notice</b>:  Undefined index: a in <b>/srv/a.php</b> on line <b>3</b><br />\n"


def only(folder: Path, name: str, content: str) -> object:
    (folder / name).write_bytes(content.encode())
    (outcome,) = read_file(folder, name)
    return outcome


@pytest.mark.parametrize("suffix", ["php", "asp", "aspx", "jsp", "cgi", "PHP", "do"])
@pytest.mark.parametrize(
    "content", [PAGE, "<!DOCTYPE html>" + PAGE, NOTICE + PAGE, "\nWarning: a() in /srv/a.php on line 3\n" + PAGE]
)
def test_a_page_under_the_name_of_its_program(tmp_path: Path, suffix: str, content: str) -> None:
    outcome = only(tmp_path, f"mill.{suffix}", content)
    assert isinstance(outcome, Record)
    assert outcome.media_type == "text/html"


def test_the_query_in_a_name_does_not_matter(tmp_path: Path) -> None:
    assert isinstance(only(tmp_path, "view.php?id=3&page=2", PAGE), Record)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.php", "<?php echo 1; ?>\n" + PAGE),
        ("a.aspx", '<%@ Page Language="C#" %>\n' + PAGE),
        ("a.jsp", "<%-- the mill --%>\n<p><%= request.getParameter(1) %></p>"),
        ("a.cgi", "#!/usr/bin/perl\nprint '<p>';\n"),
        ("a.do", "use salt.dta, clear\nregress wind salt\n"),
    ],
)
def test_a_program_is_passed_over(tmp_path: Path, name: str, content: str) -> None:
    assert isinstance(only(tmp_path, name, content), Skipped)
