import sys, time
from benchmarks.attack import all_hold
from benchmarks.attack_line import ATTACKS
from pathlib import Path
for a in ATTACKS:
    if any(w in a.name for w in sys.argv[1:]):
        t=time.time(); all_hold([a], seed=0, keep=Path('/tmp/play/keep')); print(a.name, f'{time.time()-t:.0f}s', flush=True)
