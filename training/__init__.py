"""Training: one command each, ``python -m training.NAME``; each fits weights of the product to labelled data.

README.md lists the commands. Pages, gold text and scores are those of ``benchmarks``, which judges what comes of it;
with it linear algebra gets one thread, before numpy is read.
"""

import benchmarks as benchmarks
