"""Benchmarks: one command each, ``python -m benchmarks.NAME``; each prints the figures that the docs quote.

Data and peers are not part of the project: data lie in a folder that is named on the command line, peers are imported
inside the functions that use them, so every module imports without them. README.md lists the commands.

Linear algebra has one thread here, as in the children of a run (``pipeline.workers.nursery``): this file is read before numpy.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
