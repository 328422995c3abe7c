import subprocess
import sys

CODE = """
import sys
from pipeline.store.files import without, without_pandas
import pyarrow as pa
without_pandas()
import pyarrow.dataset
pa.array([1, None])
assert "pandas" not in sys.modules
with without("wave"):
    try:
        import wave
    except ImportError:
        print("refused")
import wave
assert not [one for one in sys.meta_path if type(one).__module__.startswith("pipeline")]
print(type(pa.table({"a": [1]}).to_pandas()).__name__)
"""


def test_arrow_loads_no_pandas_until_somebody_wants_a_data_frame():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["refused", "DataFrame"]), done.stderr
