"""``winnow rules``: the commands of whoever teaches Winnow a site. What they do lives elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli_kit import PATH, PROCESSED, Argument, Group, say, settings_beside
from pipeline.errors import RuleError, SettingsError
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.boilerplate.rules import Rule
    from pipeline.sites.effect import PageEffect
    from pipeline.sites.lines import SiteLine, SiteLines

RULES = click.option("--rules", "folder", type=PATH, help="A folder with rule files of your own.")
OUT = click.option("--out", type=PATH, default=PROCESSED, show_default=True, help="The folder that runs publish into.")
_SHOWN_CANDIDATES = 20


@click.group(cls=Group)
def rules() -> None:
    """List, test and draft the rules, and look at what is learned of a site."""


@rules.command("list")
@click.option(
    "--site", metavar="DOMAIN", help="Only this site: its file, its template, the general rules at work in it."
)
@OUT
@RULES
def list_rules(site: str | None, out: Path, folder: Path | None) -> None:
    """List the rules: id, label, file, why."""
    from pipeline.boilerplate.rules import all_rules, load_rules

    settings = _settings(folder, out)
    loaded = all_rules(load_rules(settings.rules))
    if site is None:
        _say_rules(loaded)
    else:
        _say_site(_domain(site), out, loaded, settings)


@rules.command("new")
@click.argument("site", cls=Argument, help="A domain, like example.org.")
@OUT
@RULES
@click.option("--write", is_flag=True, help="Write it into your folder of rules instead of showing it.")
def new_rules(site: str, out: Path, folder: Path | None, write: bool) -> None:
    """Draft a file for SITE from what the runs learned of it."""
    from pipeline.sites.draft import draft
    from pipeline.sites.lines import lines_of

    folder = _settings(folder, out).rules
    if write and folder is None:
        raise SettingsError(
            "There is no folder of rules to write to.", mend="Name one, new or old, with --rules FOLDER."
        )
    domain = _domain(site)
    text = draft(lines_of(out, domain))
    if not write or folder is None:
        say(text.removesuffix("\n"))
        return
    file = folder / "sites" / f"{domain}.toml"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as sink:
            sink.write(text)
    except FileExistsError:
        raise RuleError(f"{file} is there already.", mend="Without --write the draft is only shown.") from None
    except OSError as error:
        raise RuleError(f"{file} cannot be written: {error.strerror}.", mend="Check its folder.") from None
    say(f"Wrote {file}. Go through it, then: winnow rules test --rules {folder}")


@rules.command("test")
@click.argument("pages", cls=Argument, required=False, type=PATH, help="A folder of labelled pages.")
@click.option("--rule", "rule_id", metavar="ID", help="Show the effect on labelled PAGES of this rule alone.")
@OUT
@RULES
def check_rules(pages: Path | None, rule_id: str | None, out: Path, folder: Path | None) -> None:
    """Try every rule on its own examples and counterexamples, and site files on labelled PAGES.

    PAGES is a folder with PAGE.html (or .txt ...) beside PAGE.gold.txt, its main text as you marked it; or with a
    gold.jsonl of rows like {"page": "a.html", "gold": "...", "site": "example.org"}. Shown is the 4-gram F1 of each
    page without and with the site files, or without and with one rule.
    """
    from pipeline.boilerplate.rules import all_rules, load_rules
    from pipeline.boilerplate.rules import check_rules as check_all

    if rule_id is not None and pages is None:
        raise SettingsError("--rule needs labelled pages.", mend="winnow rules test PAGES --rule ID.")
    settings = _settings(folder, out)
    loaded = load_rules(settings.rules)
    failures = check_all(loaded)
    for failure in failures:
        say(f"{failure.file}: {failure.rule_id}: {failure.why}: {failure.example}", aside=True)
    say(f"{len(all_rules(loaded))} rules, {len(failures)} failures.")
    if failures:
        sys.exit(2)
    if pages is not None:
        _say_effect(pages, rule_id, out, settings)


def _settings(folder: Path | None, out: Path) -> Settings:
    return settings_beside({"rules": folder}, out)


def _domain(site: str) -> str:
    """The registrable domain that templates and site files go by."""
    from pipeline.metadata.site import site_of_url

    domain = site_of_url(site)
    if domain is None:
        raise SettingsError(f"{site!r} is no site.", mend="Name a domain, like example.org.")
    if domain != site.strip().lower():
        say(f"# {site} belongs to {domain}", aside=True)
    return domain


def _say_rules(found: Iterable[Rule]) -> None:
    for rule in found:
        say(f"{rule.id:<34} {rule.label.value:<12} {rule.file:<28} {rule.why}")


def _say_site(site: str, out: Path, loaded: Iterable[Rule], settings: Settings) -> None:
    from pipeline.boilerplate.rule_format import choices_of
    from pipeline.boilerplate.rules import load_choices
    from pipeline.sites.lines import learned_templates, lines_of

    by_id = {rule.id: rule for rule in loaded}
    own = [rule for rule in by_id.values() if rule.file == f"sites/{site}.toml"]
    say(f"Rules of sites/{site}.toml: {len(own) or 'none'}")
    _say_rules(own)
    choices = choices_of(load_choices(settings.rules), site)
    for choice in choices.values():
        say(f"{'pinned' if choice.pinned else 'vetoed':<8} {choice.file:<28} {choice.text}")
    general = [rule for rule in by_id.values() if not rule.file.startswith("sites/")]
    if learned_templates(out) is None:
        say(f"General rules: {len(general)} (`winnow rules list` shows them)")
        say(f"There is nothing learned in {out}; --out names the folder that your runs write.")
        return
    found = lines_of(out, site)
    fired = [(by_id[rule_id], n) for rule_id, n in found.rules if rule_id in by_id and by_id[rule_id] in general]
    say(f"\nGeneral rules: {len(general)}, of them at work in {found.n_documents} documents of this site:")
    for rule, n in fired:
        say(f"{n:>6}  {rule.id:<34} {rule.label.value:<12} {rule.file:<10} {rule.why}")
    _say_template(found, settings, {key for key, choice in choices.items() if not choice.pinned}, set(choices))


def _say_template(found: SiteLines, settings: Settings, vetoed: set[int], chosen: set[int]) -> None:
    from pipeline.sites.lines import DOUBTFUL

    if found.learned:
        say(f"\nTemplate: {len(found.learned)} lines, learned from {found.n_learned_from} different documents:")
    else:
        say(
            f"\nTemplate: nothing learned from {found.n_documents} documents. A line must recur in "
            f"{settings.template_documents} different documents and {settings.template_share:.0%} of them."
        )
    for line in sorted(found.learned, key=lambda line: (-line.n_documents, line.place)):
        notes = [f"rule {rule} goes before" for rule in line.rules] + (["vetoed"] if line.key in vetoed else [])
        notes += [f"content score {line.score:.2f}: veto it if it is content"] if line.score >= DOUBTFUL else []
        say(f"{line.n_documents:>6} of {found.n_learned_from}  {_shown(line, notes)}")
    open_ = [one for one in found.lines if not (one.n_documents or one.rules or one.key in chosen)]
    if open_:
        say(f"\nLines that recur, left to the model; pin those that are never content ({len(open_)}):")
    for line in open_[:_SHOWN_CANDIDATES]:
        say(f"{line.n_seen:>6} of {found.n_documents}  {_shown(line, [f'content score {line.score:.2f}'])}")


def _shown(line: SiteLine, notes: list[str]) -> str:
    from pipeline.text.safety import printable

    return printable(line.text, limit=100) + (f"  ({', '.join(notes)})" if notes else "")


def _say_effect(pages: Path, rule_id: str | None, out: Path, settings: Settings) -> None:
    import contextlib

    from pipeline.sites.effect import labelled_pages, measure_effect, scratch_folder
    from pipeline.sites.lines import learned_templates
    from pipeline.workers.nursery import WORKER, Nursery

    found = labelled_pages(pages)
    with contextlib.closing(Nursery(WORKER)) as nursery, scratch_folder() as scratch:
        effects = measure_effect(
            found, scratch, nursery, settings=settings, rule_id=rule_id, learned=learned_templates(out)
        )
    _say_effects(effects, "the site files" if rule_id is None else f"rule {rule_id}", all_pages=rule_id is None)


def _say_effects(effects: list[PageEffect], what: str, *, all_pages: bool) -> None:
    from pipeline.text.safety import printable

    say(f"\n4-gram F1 without and with {what}:\nwithout   with")
    for one in effects:
        if one.changed or all_pages:
            mark = "" if one.before == one.after else " better" if one.after > one.before else " WORSE"
            say(f"  {one.before:.3f}  {one.after:.3f}  {printable(one.name)}{mark}")
    before = sum(one.before for one in effects) / len(effects)
    after = sum(one.after for one in effects) / len(effects)
    n_changed = sum(one.changed for one in effects)
    say(f"  {before:.3f}  {after:.3f}  mean of {len(effects)} pages, {n_changed} changed")
