"""The worker, in which a file takes what its name says, in the stage that its name says: for the tests of retries.

The folder in GREEDY holds ``begun``, a line a record that was cleaned; and ``peace``, once nobody is killed any more.
"""

import mmap
import os
import signal
from pathlib import Path

import pipeline.stages.children as stages
from pipeline.stages.child import STAGES, main

FOLDER = Path(os.environ["GREEDY"])


def act(stage, path):
    if not path.startswith(stage):
        return
    if "hungry" in path:
        mmap.mmap(-1, 2_000_000_000)  # address space alone
    if "slow" in path and signal.getitimer(signal.ITIMER_PROF)[0] < 10:
        os.kill(os.getpid(), signal.SIGPROF)  # as when its CPU time is over
    if "killed" in path and not (FOLDER / "peace").exists():
        os.kill(os.getpid(), signal.SIGTERM)


def clean_record(record, **named):
    if record.path != "warm":
        with (FOLDER / "begun").open("a") as file:
            file.write(record.path + "\n")
    act("clean", record.path)
    return real_clean(record, **named)


def finish_record(cleaned, **named):
    act("finish", cleaned.record.path)
    return real_finish(cleaned, **named)


real_clean, real_finish = stages.clean_record, stages.finish_record
stages.clean_record, stages.finish_record = clean_record, finish_record
main(dict(STAGES))
