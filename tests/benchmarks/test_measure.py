"""What a command took is that of its whole tree of processes."""

import subprocess
import sys

BUSY = "import os; end = os.times().user + 0.3\nwhile os.times().user < end: pass"
#: A command that leaves a busy process behind.
LEAVES = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {BUSY!r}])"


def measured(code):
    """``measure`` in a process of its own, as it waits for all children there are."""
    ask = "import sys\nfrom benchmarks.measure import measure\none = measure([sys.executable, '-c', sys.argv[1]])\n"
    said = ask + "print(one.cpu_seconds, one.peak_mb, one.output.strip())"
    return subprocess.run([sys.executable, "-c", said, code], capture_output=True, text=True, check=False)


def test_a_process_that_outlives_the_command_counts():
    assert float(measured(LEAVES).stdout.split()[0]) >= 0.3


def test_what_the_command_says_and_holds_is_told():
    _, peak, said = measured("import time; print('done'); time.sleep(0.5)").stdout.split()
    assert said == "done" and float(peak) > 1


def test_a_command_that_fails_ends_the_benchmark_with_what_it_said():
    found = measured("raise SystemExit('no such luck')")
    assert found.returncode == 1 and "no such luck" in found.stderr
