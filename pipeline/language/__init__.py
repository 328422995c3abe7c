"""Which language a text, a block and a whole document are in.

    scripts     letters by script, and which script writes one language
    structure   code, addresses and numbers, which are no language
    chinese     simplified, traditional or Japanese, by the characters
    backends    lid.176 or langdetect for scripts that several languages share (ngrams: a second witness)
    lid176      the model's own answers, for many lines at once
    reading     one text: structure, script, backend
    confirm     which lines are plainly in the language of their page, and need no reading of their own
    blocks      a page's blocks with a look at their neighbours, and the page

A new script is a row in ``scripts.RANGES``; a new backend a row in ``backends.BACKENDS``.
"""

from pipeline.language.blocks import document_language, tag_blocks
from pipeline.language.reading import identify
from pipeline.types import Backend

__all__ = ["Backend", "document_language", "identify", "tag_blocks"]
