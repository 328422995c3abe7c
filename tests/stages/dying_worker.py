"""The worker with small chunks and slices, which dies by SIGKILL at chosen writes: for the tests of supervision.

The folder in DYING holds ``deaths.json``, the numbers of the writes to die at, and ``writes``, a byte a write.
"""

import json
import os
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import pipeline.stages.children as stages
from pipeline.stages.child import STAGES, main

FOLDER, NURSERY = Path(os.environ["DYING"]), os.getpid()
stages.CHUNK_RECORDS, stages.SLICE_BYTES, stages.BATCH_BLOCKS = 3, 1, 5


def wrapped(real):
    def call(*arguments, **named):
        die()
        result = real(*arguments, **named)
        die()
        return result

    return call


def die():
    if os.getpid() == NURSERY:
        return
    with (FOLDER / "writes").open("ab", 0) as file:
        real_write(file.fileno(), b".")
        number = file.tell()
    if number in json.loads((FOLDER / "deaths.json").read_text()):
        os.kill(os.getpid(), signal.SIGKILL)


def write_table(table, where, **named):
    sink = pa.BufferOutputStream()
    real_write_table(table, sink, **named)
    data = sink.getvalue().to_pybytes()
    with Path(where).open("wb") as file:
        file.write(data[: len(data) // 2])
        file.flush()
        die()
        file.write(data[len(data) // 2 :])


real_write, real_write_table = os.write, pq.write_table
os.write, os.replace, os.link = (wrapped(one) for one in (os.write, os.replace, os.link))
pq.write_table = wrapped(write_table)
main(dict(STAGES))
