"""The list of formats is that of the readers, and README has it."""

from pathlib import Path

from pipeline.formats import TAKEN, Format, formats, markdown, taken
from pipeline.read import READERS

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def test_readme_has_the_table_that_the_command_prints():
    """`winnow formats --markdown` prints it."""
    assert "\n".join(markdown()) in README


def test_every_reader_is_listed_with_its_suffixes_and_says_what_it_takes():
    listed = {name: (suffixes, what) for names, suffixes, what in formats() for name in names.split(", ")}
    assert listed.keys() == READERS.keys()
    assert sum(len(suffixes.split()) for _, suffixes, _ in formats()) == sum(
        len(one.suffixes) for one in READERS.values()
    )
    assert all(what for _, what in listed.values())


def test_a_new_reader_says_it_in_its_docstring():
    def read_ledger(stream, origin, limits):
        """Yield a document an entry of a ledger.

        More of it.
        """

    assert "ledger" not in TAKEN
    assert taken("ledger", Format((".ledger",), None, read_ledger)) == "Yield a document an entry of a ledger"
