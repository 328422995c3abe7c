"""What is counted as missed, wrong and lost against the truth."""

from benchmarks.corpus import Truth
from benchmarks.outcomes import Found, compare


def test_the_comparison_counts_what_is_missed_wrong_and_lost():
    def row(path, outcome, cluster, edit=None):
        return Truth(path, None, outcome, (), cluster, None, edit, "html", "gbk")

    truth = [
        row("a", "document", "1"),
        row("b", "duplicate", "1", "copy"),
        row("c", "duplicate", "1", "tokens-changed"),
        row("d", "document", "2"),
        row("e", "document", "3"),
        row("f", "quarantine", None),
    ]
    where = {"a": "document", "b": "duplicate", "c": "document", "d": "duplicate", "e": "quarantine", "f": "quarantine"}
    found = Found(
        outcomes={(path, None): [outcome] for path, outcome in where.items()},
        encodings={("a", None): "gb18030", ("c", None): "utf-8"},
        stands_for={("b", None): ("a", None), ("d", None): ("a", None)},
        reasons={("e", None): "no_content", ("f", None): "empty"},
    )
    verdict = compare(truth, found)
    assert verdict.missed == {"tokens-changed": 1}
    assert verdict.wrong == [("d", None)]
    assert verdict.lost == {"no_content (html)": 1}
    assert verdict.tally == {"duplicates": 2, "odd": 1, "odd right": 1, "encodings": 2, "encodings right": 1}
