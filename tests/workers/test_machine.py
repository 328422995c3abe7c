from hypothesis import given
from hypothesis import strategies as st

from pipeline.settings import Settings
from pipeline.workers.machine import LEAST_MB, RESERVE_MB, MemoryBound, fitted, group_limits


def fit(total_mb, *, workers, memory_mb=3072, process_mb=None):
    return fitted(Settings(workers=workers, memory_mb=memory_mb), MemoryBound(total_mb, "the machine", process_mb))


def test_what_fits_is_left_as_it_is_and_nothing_is_said():
    found = fit(16_000, workers=4)
    assert (found.workers, found.memory_mb, found.first_mb, found.notices) == (4, 3072, 3072, ())


def test_children_share_memory_before_there_are_fewer_of_them_and_all_of_it_is_there_for_a_second_try():
    found = fit(16_000, workers=8)
    assert (found.workers, found.memory_mb, found.first_mb) == (8, 3072, (16_000 - RESERVE_MB) // 8)
    (notice,) = found.notices
    assert "16,000 MB" in notice and "1,872 MB" in notice and "3,072" in notice
    found = fit(16_000, workers=64)
    assert (found.workers, found.memory_mb) == (9, 3072)
    assert "9 child processes at once instead of 64" in found.notices[0]


def test_one_child_never_has_more_than_there_is():
    found = fit(2000, workers=2)
    assert (found.workers, found.memory_mb, found.first_mb) == (1, 1000, 1000)
    assert "1,000 MB instead of 3,072 (memory_mb)" in found.notices[0]
    assert fit(64_000, workers=2, process_mb=2048).memory_mb == 2048


@given(st.integers(100, 500_000), st.integers(1, 1024), st.integers(512, 200_000))
def test_all_children_together_fit_and_nothing_is_cut_in_silence(total_mb, workers, memory_mb):
    found = fit(total_mb, workers=workers, memory_mb=memory_mb)
    room = max(total_mb - RESERVE_MB, total_mb // 2)
    assert found.workers * found.first_mb <= max(room, LEAST_MB)
    assert 1 <= found.workers <= workers and found.first_mb <= found.memory_mb <= memory_mb
    as_set = (found.workers, found.memory_mb, found.first_mb) == (workers, memory_mb, memory_mb)
    assert bool(found.notices) is not as_set


def test_limits_of_control_groups_are_those_of_the_own_group_and_all_above_it(tmp_path):
    def write(name, text):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    write("cgroup/memory.max", "max\n")
    write("cgroup/a/memory.max", "4000\n")
    write("cgroup/a/b/memory.max", "9000\n")
    write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    write("cgroup/memory/docker/x/memory.limit_in_bytes", "5000\n")
    write("own", "9:cpuset:/\n4:cpu,memory:/docker/x\n0::/a/b\n")
    assert sorted(group_limits(tmp_path / "own", tmp_path / "cgroup")) == [4000, 5000, 9000, 9223372036854771712]
    write("own", "0::/../../outside/of/the/container\n")
    write("cgroup/memory.max", "777")
    assert list(group_limits(tmp_path / "own", tmp_path / "cgroup")) == [777]
    assert list(group_limits(tmp_path / "missing", tmp_path / "cgroup")) == []
