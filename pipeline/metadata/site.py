"""The site a document comes from: its registrable domain, by the URL, the path or the page's own footer.

What counts as a footer line is in ``EVIDENCE``; hosts that stand in anyone's footer are in ``NOT_OWN``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import copy
from functools import cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from publicsuffixlist import PSLFILE, PublicSuffixList

from pipeline.kept import kept
from pipeline.types import Block

#: A domain name in text: ASCII labels, the last one of letters. Bounded repeats (RFC 1035: 63 characters a label).
_DOMAIN = re.compile(
    r"(?<![A-Za-z0-9_.@-])(?:https?://)?((?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,5}[A-Za-z]{2,18})(?![A-Za-z0-9_@-])"
)
_EMAIL = re.compile(r"@((?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,5}[A-Za-z]{2,18})(?![A-Za-z0-9_@-])")

_ANY_NAME = re.compile(r"[A-Za-z0-9]\.[A-Za-z][A-Za-z]")  # a cheap look: prose has a space after the dot
_NO_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+-]{0,30}:(?!//|\d)")  # mailto:, about:, data:

#: What makes a line near the end of a page say whose page it is, the strongest first.
EVIDENCE = (
    re.compile(r"copyright|©|\(c\)|all rights reserved|版权所有|版權所有|著作权", re.IGNORECASE),
    re.compile(r"ICP\s?[备備证證]|ICP\s?No|公网安备|网站标识码|网安备|备案", re.IGNORECASE),
    re.compile(r"网址|网站|主办|承办|联系|邮箱|电子邮件|website|contact|e-?mail|www\.", re.IGNORECASE),
)

#: Registrable domains that stand in the footers of others: registries, mail providers, builders, licences, counters.
NOT_OWN = frozenset(
    [
        "12377.cn",
        "163.com",
        "126.com",
        "12321.cn",
        "aliyun.com",
        "baidu.com",
        "bing.com",
        "cnnic.cn",
        "cnzz.com",
        "creativecommons.org",
        "disqus.com",
        "facebook.com",
        "foxmail.com",
        "gmail.com",
        "google.com",
        "hotmail.com",
        "instagram.com",
        "jubao.org.cn",
        "linkedin.com",
        "live.com",
        "miibeian.gov.cn",
        "miit.gov.cn",
        "miitbeian.gov.cn",
        "mps.gov.cn",
        "beian.gov.cn",
        "outlook.com",
        "qq.com",
        "sina.cn",
        "sina.com",
        "sohu.com",
        "t.me",
        "twitter.com",
        "weibo.com",
        "wordpress.com",
        "wordpress.org",
        "x.com",
        "yahoo.com",
        "yeah.net",
        "youtube.com",
        "139.com",
        "189.cn",
        "aol.com",
        "icloud.com",
        "bszs.conac.cn",
        "conac.cn",
        "discuz.net",
        "dedecms.com",
        "w3.org",
    ]
)

#: Folders that look like a domain and are none: public suffixes that are also file suffixes.
_FILE_SUFFIXES = frozenset({"zip", "md", "py", "sh", "rs", "pl", "so", "cc", "mov", "ps", "js", "app"})

_MIN_FOOTER = 12  # blocks: a footer of a page is seldom longer in plain text
_FOOTER_SHARE = 5  # or a fifth of a long page, whose link lists are blocks of their own
_MAX_HOST = 253  # characters: RFC 1035, 2.3.4, 255 octets with the lengths of the labels
_MAX_LINE = 600  # characters: a longer block is prose


@kept("publicsuffixlist")
def _suffixes() -> PublicSuffixList:
    """The list bundled with publicsuffixlist (https://publicsuffix.org), private suffixes included."""
    return PublicSuffixList(_suffix_lines(), accept_encoded_idn=False, accept_unknown=True)


def _suffix_lines() -> Iterator[str]:
    """The lines of that list, and those that are not ASCII in their encoded form too.

    What ``accept_encoded_idn`` does, which encodes every line: that takes ten times as long.
    """
    with open(PSLFILE, encoding="utf-8") as lines:  # noqa: PTH123 - a name of the package's own, not a Path
        for line in lines:
            if line.startswith(("//", "\n")):
                continue
            yield line
            if not line.isascii():
                yield _encoded(line.lower().split(" ")[0].rstrip())


def _encoded(suffix: str) -> str:
    """A suffix of the list in ASCII (IDNA 2003), an exception still led by its "!"."""
    name = suffix.removeprefix("!")
    return f"{suffix[: len(suffix) - len(name)]}{name.encode('idna').decode('ascii')}"


@cache
def _known_suffixes() -> PublicSuffixList:
    """The same list without its rule that any last label is a suffix."""
    known = copy(_suffixes())
    known.accept_unknown = False
    return known


def site_of_url(url: str | None) -> str | None:
    """The registrable domain of a URL in lower case; the host itself if it is an address or has no domain.

    >>> site_of_url("https://www.mee.gov.cn/xxgk/202409/t1.html")
    'mee.gov.cn'
    >>> site_of_url("http://127.0.0.1:8000/a")
    '127.0.0.1'
    >>> site_of_url(f"http://{'a' * 1000}.cn/") is None
    True
    """
    if not url or _NO_HOST.match(url):
        return None
    try:
        host = urlsplit(url if "://" in url[:12] else f"//{url.removeprefix('//')}").hostname
    except ValueError:  # a broken IPv6 address
        return None
    host = (host or "").strip(". \t\r\n").lower()
    if not host or len(host) > _MAX_HOST or any(sign.isspace() for sign in host):
        return None
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    return _suffixes().privatesuffix(host) or host


def site_of(*, url: str | None, path: str, blocks: Sequence[Block], member: str | None = None) -> str | None:
    """The site of a record: of its URL, else a folder named like a domain, else the page's own footer, else None.

    Args:
        url: as the container gives it.
        path: of the raw file, "/" between parts; only its folders are looked at.
        blocks: all blocks of the record, kept or not.
        member: of the record; an archive's folders count as those that it lies in do.
    """
    folders = path.split("/")[:-1] + [one.rpartition(":")[2] for one in (member or "").split("/")[:-1]]
    return site_of_url(url) or _site_of_folders(folders) or _site_of_footer(blocks)


def _site_of_folders(folders: Sequence[str]) -> str | None:
    """The first of the folders that a file lies in that is a domain name: "mirror/www.example.com/a/b.html"."""
    for folder in folders:
        match = _DOMAIN.fullmatch(folder)
        if match and folder.rpartition(".")[2].lower() not in _FILE_SUFFIXES:
            site = _registrable(match[1])
            if site:
                return site
    return None


def _site_of_footer(blocks: Sequence[Block]) -> str | None:
    """The domain in the strongest line of the footer; of lines alike the last one, of domains in it the first."""
    reach = max(_MIN_FOOTER, len(blocks) // _FOOTER_SHARE)
    lines = [
        block.text
        for block in reversed(blocks[-reach:])
        if len(block.text) <= _MAX_LINE and _ANY_NAME.search(block.text)
    ]
    for evidence in EVIDENCE:
        for line in lines:
            if evidence.search(line):
                names = [*_DOMAIN.findall(line), *_EMAIL.findall(line)]
                own = next(filter(None, map(_registrable, names)), None)
                if own:
                    return own
    return None


def _registrable(name: str) -> str | None:
    """The registrable domain of a name under a known suffix that may be the page's own."""
    site: str | None = _known_suffixes().privatesuffix(name.lower())
    return None if site is None or site in NOT_OWN else site
