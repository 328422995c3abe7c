"""What a child notes last is what its supervisor learns, and the file stays small."""

import random
import signal

import pytest

from pipeline.workers.journal import READING, SLOT, WORKING, Follower, Journal, Noted


@pytest.fixture
def journal(tmp_path):
    yield Journal(tmp_path / "journal", 10_000)
    signal.setitimer(signal.ITIMER_PROF, 0)


def test_the_last_note_is_seen_whatever_was_noted_between_two_looks(journal, tmp_path):
    rng, begun, safe = random.Random(3), 0, (0, 0)
    follower = Follower(tmp_path / "journal", safe)
    assert not follower.look()
    for index in range(300):
        path, member = rng.choice([("目录/乙.txt", None), ("a.jsonl", str(index)), ("长" * 3000, "员" * 500)])
        journal.begin((index, 1), READING, path)
        if rng.random() < 0.5:
            journal.begin((index, 1), WORKING, path, member)
            begun += 1
            expected = Noted((index, 1), WORKING, path, member, safe)
        else:
            expected = Noted((index, 1), READING, path, None, safe)
        if rng.random() < 0.2:
            safe = (index, 1)
            journal.safe(safe)
            expected = Noted(expected.at, expected.phase, expected.path, expected.member, safe)
        if rng.random() < 0.3:
            assert follower.look()
            assert (follower.last, follower.n_begun) == (expected, begun)
            assert not follower.look()


def test_a_journal_is_as_long_for_many_records_as_for_one(journal, tmp_path):
    for index in range(5000):
        journal.begin((0, index), WORKING, "长" * 100, str(index))
    assert (tmp_path / "journal").stat().st_size < SLOT + 4096


def test_a_note_that_is_half_written_leaves_the_one_before_and_is_a_sign_of_life(journal, tmp_path):
    follower = Follower(tmp_path / "journal", (0, 0))
    journal.begin((0, 1), WORKING, "a.txt")
    journal.begin((0, 2), WORKING, "b.txt")
    content = bytearray((tmp_path / "journal").read_bytes())
    content[30] ^= 1  # in the slot of the second
    (tmp_path / "journal").write_bytes(content)
    assert follower.look()
    assert follower.last.at == (0, 1)
    assert follower.look()
