"""A first site file, drafted from what the runs learned of a site: rules for its frame, lines to pin or veto.

A maintainer goes on from there. Every rule of a draft passes its own tests; a line of which no such rule can be made
is left to the template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from pipeline.boilerplate.rule_format import MAX_TOKENS, parse_rules
from pipeline.boilerplate.rules import RuleSet, check_rules, pack_rules
from pipeline.errors import RuleError
from pipeline.sites.lines import DOUBTFUL, SiteLine, SiteLines
from pipeline.text.safety import printable, printable_lines
from pipeline.types import Label

MAX_CANDIDATES = 20  # lines offered to be pinned (recur, not learned) or vetoed (learned, may be content)
_MAX_CHARS = 400  # of a line that is put into a file

#: The two halves of a frame: id, label, where, and why.
_HALVES = (
    ("head", Label.NAVIGATION, "Lines over the articles of this site: menus, log-in, the path to the page."),
    ("foot", Label.FOOTER, "Lines under the articles of this site: links, contacts, statements, copyright."),
)
_HEADER = """\
# What is special about {site}. Drafted from {n_documents} of its documents by `winnow rules new {site}`.
#
# These rules speak for {site} and every host under it, before the general ones. The form is told at the top of
# pipeline/rules/any.toml. Go through them: take out lines that are none of the frame (from pattern and examples),
# set the labels right, split a rule where its lines are for different things. Then:
#
#   winnow rules test                   every rule takes its examples and none of its counterexamples
#   winnow rules test FOLDER            what the file does to pages whose text you have marked
#   winnow explain FILE                 what decides each line of a page
"""
_TEMPLATE = """
# Lines as they stand on the page; digits, case and white space are alike. pin: template of this site however seldom it
# is seen. veto: never template.
[template]
pin = [{pins}]
veto = [{vetoes}]
"""


def draft(found: SiteLines) -> str:
    """The text of a site file: a rule for the head and one for the foot of the learned frame, and lines to pin."""
    rules = [_half(found, *half) for half in _HALVES]
    open_ = [line for line in found.lines if not line.n_documents and not line.rules]
    doubtful = [line for line in found.learned if line.score >= DOUBTFUL and not line.rules]
    header = _HEADER.format(site=found.site, n_documents=found.n_documents)
    return header + _TEMPLATE.format(pins=_listed(open_), vetoes=_listed(doubtful)) + "".join(rules)


def _half(found: SiteLines, name: str, label: Label, why: str) -> str:
    """One rule of the draft, or nothing where there is no line for it; with comments on the lines it leaves out."""
    lines = [line for line in found.learned if (line.place < 0.5) == (name == "head")]
    lines = sorted(lines, key=lambda line: line.place)
    covered = [line for line in lines if line.rules]
    rule_id = f"{slug(found.site)}-{name}"
    usable: list[SiteLine] = []
    unfit: list[SiteLine] = []
    for line in lines:
        if not line.rules and line.score < DOUBTFUL:
            fits = _can_be_shown(line) and _passes(found.site, _rule(rule_id, label, why, [line]))
            (usable if fits else unfit).append(line)
    parts = ["\n"]
    parts += [f"# {', '.join(line.rules)} takes {_shown(line)}\n" for line in covered]
    parts += [f"# left to the template: {_shown(line)}\n" for line in unfit]
    if usable:
        parts.append(_rule(rule_id, label, why, usable))
    return "".join(parts) if lines else ""


def _rule(rule_id: str, label: Label, why: str, lines: Sequence[SiteLine]) -> str:
    patterns = "".join(f"  '{pattern_of(line.text)}',{_counted(line)}\n" for line in lines)
    examples = "".join(f"  {_quoted(line.text)},\n" for line in lines)
    longest = max(line.n_tokens for line in lines)
    return (
        f'[[rule]]\nid = "{rule_id}"\nlabel = "{label}"\nwhy = "{why}"\n'
        f'match.whole = true\nmatch.position = "edge"\nmatch.max_tokens = {min(longest, MAX_TOKENS)}\n'
        f"match.pattern = [\n{patterns}]\nexamples = [\n{examples}]\n"
    )


def _can_be_shown(line: SiteLine) -> bool:
    """Short enough for a file, and nothing in it that acts on who reads the file."""
    return len(line.text) <= _MAX_CHARS and printable_lines(line.text) == line.text


def _counted(line: SiteLine) -> str:
    return f"  # in {line.n_seen} documents"


def _passes(site: str, rule: str) -> bool:
    """Whether the rule can be read and takes its own examples and nothing beside them."""
    try:
        rules = parse_rules(rule.encode(), file=f"sites/{site}.toml")
    except RuleError:
        return False
    return not check_rules(RuleSet(pack_rules(()), {site: pack_rules(rules)}))


def _listed(lines: Iterable[SiteLine]) -> str:
    """Comments in a list: the maintainer uncomments those that are meant."""
    short = [line for line in lines if _can_be_shown(line)][:MAX_CANDIDATES]
    shown = "".join(f"  # {_quoted(line.text)},{_counted(line)}\n" for line in short)
    return f"\n{shown}" if shown else ""


def slug(site: str) -> str:
    """What the ids of a site's rules begin with: its domain in kebab-case.

    >>> slug("www.lvtan-example.com"), slug("例子.中国")
    ('www-lvtan-example-com', 'lq6aq7b5zqcsf')
    """
    return re.sub(r"[^a-z0-9]+", "-", site.lower().encode("punycode").decode()).strip("-")


def pattern_of(text: str) -> str:
    r"""A pattern, in RE2 syntax, for a line whatever its figures and white space; without single quotes.

    >>> pattern_of("共 12 页 (it's)")
    '共\\s+\\d+\\s+页\\s+\\(it\\x27s\\)'
    """
    escaped = re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", " ".join(text.split()))
    return re.sub(r"\d+", r"\\d+", escaped).replace("'", r"\x27").replace(" ", r"\s+")


def _quoted(text: str) -> str:
    """A TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _shown(line: SiteLine) -> str:
    return f"{printable(line.text, limit=80)} (in {line.n_seen} documents)"
