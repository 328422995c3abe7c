"""A cheap witness: the share of a text's words that are among the commonest words of one language.

Running text of a language has a quarter to a half of its words among that language's fifty commonest; a text in another
language, even a close one, far fewer. It confirms what is already believed of a page; it never proposes a language.
A language is one line in ``COMMON``.
"""

from __future__ import annotations

import re

#: The commonest function words, those left out that close relatives share (German "in", Dutch "is").
COMMON: dict[str, frozenset[str]] = {
    lang: frozenset(words.split())
    for lang, words in {
        "en": "the of and to that for it with as on at by this from be are was were have has had not but they which their "
        "his her you we our will would can its there been or if more when who what an than other into only also about",
        "de": "der die und das den von zu mit sich des auf für ist dem nicht ein eine als auch es werden aus hat dass sie "
        "nach wird bei einer um sind noch wie einem über einen so zum haben nur oder aber vor zur bis mehr durch",
    }.items()
}
_WORD = re.compile(r"[^\W\d_]+")
_MAX_CHARS = 400  # of a text that are looked at
#: Fewest words, and the least share of them that must be common, to confirm a language: on sentences and paragraphs in
#: 400 languages a dozen of 27,000 were taken for another, Scots for English most. Romance ones share too many words.
MIN_WORDS, MIN_SHARE = 5, 0.3


def confirms(text: str, lang: str) -> bool:
    """True when a text is clearly running text of ``lang``; False says nothing.

    >>> confirms("The delegates agreed that the report of the committee would be published at the end of the year", "en")
    True
    >>> confirms("The delegates agreed that the report of the committee would be published at the end of the year", "de")
    False
    """
    common = COMMON.get(lang)
    if common is None:
        return False
    words = _WORD.findall(text[:_MAX_CHARS].lower())
    return len(words) >= MIN_WORDS and sum(word in common for word in words) >= MIN_SHARE * len(words)
