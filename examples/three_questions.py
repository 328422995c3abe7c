"""A folder to datasets, then three questions in SQL. The same datasets read with Polars, pandas and Spark."""

import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline import open_snapshot

QUESTIONS = {
    "What is there?": "select lang, kind, count(*) as documents, sum(n_tokens) as tokens from documents group by all order by all",
    "What was left out, and what decided it?": """select label, decided_by, count(*) as blocks from blocks
        where label not in ('content', 'title') group by all order by blocks desc, decided_by limit 5""",
    "Which stories have a date?": """select event_date, title, lang from sections
        where event_date is not null and duplicate_of is null order by event_date limit 5""",
}

winnow = Path(sys.executable).with_name("winnow")
with tempfile.TemporaryDirectory() as folder:
    out = Path(folder) / "datasets"
    subprocess.run([winnow, "run", "raw", out], check=True, stderr=subprocess.DEVNULL)
    with open_snapshot(out).duckdb() as datasets:  # resolved once: a run in the meantime changes nothing here
        for question, query in QUESTIONS.items():
            print(question, datasets.sql(query), sep="\n")
