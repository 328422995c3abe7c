"""Prefect flows: a thin layer that runs ``pipeline`` a task a shard. No text logic here.

Importing this package makes whatever starts next safe, Prefect's own processes included: none looks for modules in its
working folder, and none tells anybody that it runs. It has to happen before Prefect is imported.
"""

import os

os.environ["PYTHONSAFEPATH"] = "1"
for _name, _value in {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}.items():
    os.environ.setdefault(_name, _value)
