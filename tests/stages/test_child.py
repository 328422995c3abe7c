import os
import subprocess
import sys
from pathlib import Path

from pipeline.workers.journal import FILL

ROOT = Path(__file__).parent.parent.parent
#: Whatever kernels the stages have, how many combinations of types each was compiled for before and after real records.
WATCH = """
import sys
from pathlib import Path
from pipeline.boilerplate.rules import load_rules
from pipeline.compiled import _imported
from pipeline.recipe import Cleaned, clean_record, finish_record
from pipeline.stages import child
from pipeline.types import Record

def compiled():
    return {one.py_func.__qualname__: len(one.dispatcher.signatures) for one in _imported()}

child.warm_up()
before = compiled()
for file in sorted(map(Path, sys.argv[1:])):
    media_type = "text/plain" if file.suffix == ".txt" else "text/html"
    cleaned = clean_record(Record(file.name, None, file.read_bytes(), media_type), rules=load_rules())
    if isinstance(cleaned, Cleaned):
        finish_record(cleaned, template_hits=[None] * len(cleaned.keys))
assert sum(before.values()) > 10
assert compiled() == before
"""


def run(*arguments, **environment):
    known = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    options = {"cwd": ROOT, "capture_output": True, "text": True, "check": False}
    return subprocess.run([sys.executable, *arguments], env={**known, **environment}, **options)


def test_a_warm_nursery_has_compiled_all_that_a_record_needs():
    files = [*(ROOT / "raw").glob("*.txt"), *sorted((ROOT / "tests" / "golden" / "html").glob("*.html"))[:12]]
    done = run("-c", WATCH, *map(str, files))
    assert done.returncode == 0, done.stderr


def test_a_nursery_that_is_to_fill_the_caches_says_where_they_lie_and_ends():
    done = run("-m", "pipeline.stages.child", FILL)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("[") and done.stdout.endswith("]\n")


def test_nurseries_load_no_pandas_and_no_network_client():
    code = "from pipeline.stages import child; child.without_pandas(); child.warm_up(); import sys; print(*sys.modules)"
    loaded = set(run("-c", code).stdout.split())
    assert "pyarrow.dataset" in loaded
    assert not loaded & {"pandas", "requests", "urllib3", "fsspec", "asyncio", "pydantic", "prefect"}


def test_address_space_that_holds_nothing_is_no_memory_of_a_child():
    code = """if True:
        import mmap, os
        from pipeline.stages import child
        reserved = mmap.mmap(-1, 2 << 30)
        child._limit(512, os.getppid())
        bytearray(100 << 20)
        try:
            bytearray(700 << 20)
        except MemoryError:
            os._exit(0)
        os._exit(1)
    """
    assert run("-c", code).returncode == 0
