"""A maintainer teaches Winnow a made-up site, from the first run to the file that is tested."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_site import DOMAIN, FOOT, HEAD, REFRAIN, SELDOM, made_page, made_site

from pipeline.boilerplate.rules import check_rules, load_rules
from pipeline.cli import winnow
from pipeline.errors import SnapshotError
from pipeline.sites.draft import draft, pattern_of
from pipeline.sites.lines import learned_templates, lines_of, sites_of
from pipeline.store.snapshots import open_snapshot

WINNOW = str(Path(sys.executable).parent / "winnow")


def rules(*arguments):
    """A ``winnow rules`` command in this process: what it said, and its error in words."""
    done = CliRunner().invoke(winnow, ["rules", *map(str, arguments)])
    return done.stdout, "" if done.exit_code == 0 else str(done.exception)


def call(*arguments, cwd):
    return subprocess.run(
        [WINNOW, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run over twelve pages each of an English site as HTML and a Chinese one as text, with one article reposted."""
    folder = tmp_path_factory.mktemp("maintainer")
    for lang, form in (("en", "html"), ("zh", "text")):
        raw, labelled = (folder / name / DOMAIN[lang] for name in ("raw", "labelled"))
        raw.mkdir(parents=True)
        labelled.mkdir(parents=True)
        first = made_page(lang, 0, form=form)
        reposts = [made_page(lang, at, form=form, body=first.gold.split("\n")[1:]) for at in range(20, 26)]
        for page in [*made_site(lang, form=form), *reposts]:
            (raw / page.name).write_text(page.content, "utf-8")
        for page in made_site(lang, 3, form=form, seed=7):
            (labelled / page.name).write_text(page.content, "utf-8")
            (labelled / f"{page.name.partition('.')[0]}.gold.txt").write_text(page.gold, "utf-8")
    done = call("run", "raw", "processed", "--workers", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_frame_is_learned_and_neither_articles_nor_reposts(folder, lang):
    found = lines_of(folder / "processed", DOMAIN[lang])
    learned = {line.text for line in found.learned}
    assert learned >= {*HEAD[lang], *FOOT[lang]}
    assert not [line for line in learned if line.endswith(("。", ".")) and line not in FOOT[lang]]
    assert SELDOM[lang] in {line.text for line in found.lines} - learned
    assert found.n_documents == 18
    assert 12 <= found.n_learned_from < 18


def test_what_is_there_is_named(folder):
    out = folder / "processed"
    assert dict(sites_of(out)).keys() == set(DOMAIN.values())
    with pytest.raises(SnapshotError, match=r"harbour-example\.org"):
        lines_of(out, "nowhere.org")
    assert learned_templates(folder / "raw") is None


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_draft_passes_its_own_tests_and_leaves_alone_what_rules_take(folder, tmp_path, lang):
    found = lines_of(folder / "processed", DOMAIN[lang])
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / f"{DOMAIN[lang]}.toml").write_text(draft(found), "utf-8")
    loaded = load_rules(tmp_path)
    own = loaded.sites[DOMAIN[lang]].rules
    assert len(own) == 2
    assert check_rules(loaded) == []
    by_rule = {line.text for line in found.learned if line.rules}
    assert by_rule
    assert not by_rule & {example for rule in own for example in rule.examples}


@pytest.mark.parametrize("text", ["it's 12 (of) [3] | a.b* \\ 共 7 页", "^$ {x} ?+"])
def test_a_pattern_of_a_line_takes_the_line(tmp_path, text):
    (tmp_path / "mine.toml").write_text(
        f"[[rule]]\nid = 'mine'\nlabel = 'footer'\nwhy = 'a test'\nmatch.pattern = '{pattern_of(text)}'\n"
        f"match.position = 'edge'\nexamples = ['''{text}''']\n",
        "utf-8",
    )
    assert [one for one in check_rules(load_rules(tmp_path)) if one.rule_id == "mine"] == []


def test_from_the_list_to_a_file_that_is_tested_and_used(folder):
    site, out, mine = DOMAIN["zh"], folder / "processed", folder / "mine"
    listed, _ = rules("list", "--site", f"www.{site}", "--out", out)
    assert f"Rules of sites/{site}.toml: none" in listed
    assert "zh-copyright" in listed
    assert HEAD["zh"][0] in listed
    assert rules("new", site, "--out", out, "--write", "--rules", mine)[1] == ""
    assert "is there already" in rules("new", site, "--out", out, "--write", "--rules", mine)[1]
    file = mine / "sites" / f"{site}.toml"
    text = file.read_text("utf-8").replace(f'# "{SELDOM["zh"]}"', f'"{SELDOM["zh"]}"')
    file.write_text(text.replace("veto = [", f'veto = ["{REFRAIN["zh"]}", '), "utf-8")
    tested, error = rules("test", folder / "labelled", "--rules", mine, "--out", out)
    assert error == ""
    assert " 0 failures" in tested
    assert "mean of 6 pages" in tested
    shown = call("explain", f"raw/{site}/003.txt", "--rules", "mine", cwd=folder).stdout
    assert f"pinned in sites/{site}.toml" in shown
    done = call("run", "raw", "processed", "--rules", "mine", "--workers", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    blocks = open_snapshot(out).table("blocks", ["text", "decided_by"]).to_pylist()
    decided = {row["text"]: row["decided_by"] for row in blocks}
    assert decided[SELDOM["zh"]] == f"template:{site}"
    assert not decided[REFRAIN["zh"]].startswith("template:")


def test_explain_says_in_how_many_documents_a_template_line_was_seen(folder):
    shown = call("explain", f"raw/{DOMAIN['en']}/003.html", cwd=folder).stdout
    assert "documents of the site" in shown
    assert "template:harbour-example.org" in shown


def test_one_rule_is_measured_on_listed_pages(folder, tmp_path):
    page = made_page("en", 3)
    (tmp_path / "page.html").write_text(page.content, "utf-8")
    (tmp_path / "gold.jsonl").write_text(json.dumps({"page": "page.html", "gold": page.gold}), "utf-8")
    said, error = rules("test", tmp_path, "--rule", "any-copyright-line", "--out", folder / "processed")
    assert ("mean of 1 pages" in said, error) == (True, "")
    assert "no-such-rule" in rules("test", tmp_path, "--rule", "no-such-rule")[1]
    assert "labelled pages" in rules("test", "--rule", "any-copyright-line")[1]
    assert "--rules FOLDER" in rules("new", DOMAIN["en"], "--write", "--out", folder / "processed")[1]
