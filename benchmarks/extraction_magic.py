"""magic-html behind a pipe, for ``extraction_peers``: it asks for a newer Python than the product does.

Run by a Python that has magic-html, which need not have anything of this project. First it says its version.
Then each line it reads is a JSON string of HTML, and each line it writes a JSON list: the HTML of the main part
("" where magic-html raised) and the CPU seconds that took.
"""

from __future__ import annotations

import json
import os
import sys
import time


def serve() -> None:
    from importlib.metadata import version

    from magic_html import GeneralExtractor

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever the library prints is no answer
    extractor = GeneralExtractor()
    print(json.dumps(version("magic-html")), file=answers, flush=True)
    for line in sys.stdin.buffer:
        html = json.loads(line)
        start = time.process_time()
        try:
            found = extractor.extract(html)["html"] or ""
        except Exception:  # noqa: BLE001 - it may raise anything; the page counts as empty
            found = ""
        print(json.dumps([found, time.process_time() - start]), file=answers, flush=True)


if __name__ == "__main__":
    serve()
