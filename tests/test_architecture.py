"""The structure that the code keeps: imports point downward, flows import pipeline and never the reverse."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: Folders beside the product and what each may import of the others: measuring stands alone, nobody imports proofs.
BESIDE = {"benchmarks": set(), "proofs": {"benchmarks"}, "training": {"benchmarks"}}

#: Packages and modules of ``pipeline`` from the bottom up; a layer imports from those before it, or from itself.
LAYERS = (
    ("types", "errors", "safe_path", "compiled"),
    ("text",),
    ("settings", "schema"),
    ("extract", "boilerplate", "language", "dedup", "rules"),
    ("metadata",),
    ("sections",),
    ("read", "recipe", "store"),
    ("workers",),
    ("stages",),
    ("progress",),
    ("report", "drift", "metrics"),
    ("run",),
    ("api", "formats", "local", "query", "sites", "explain"),
    ("cli", "cli_kit", "cli_rules"),
    ("__main__",),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}

#: What parses untrusted bytes; what runs in supervised children alone and so may import it; what anybody may take of it.
PARSERS = ("pipeline.read", "pipeline.text.decode", "pipeline.extract", "pipeline.recipe")
CHILDREN = ("pipeline.stages.child", "pipeline.stages.children", "pipeline.stages.cleaned", "pipeline.stages.finished")
HARMLESS = {"pipeline.read.scan", "pipeline.read.limits"}
#: ``api`` parses by its purpose: who calls ``pipeline.clean`` asks for the stages in their own process. ``formats`` looks
#: at the table of readers and calls none.
OWN_PROCESS = {"pipeline.api", "pipeline.formats"}


def modules(package):
    return sorted((ROOT / package).rglob("*.py"))


@cache
def nodes(file):
    return tuple(ast.walk(ast.parse(file.read_text("utf-8"))))


def imports(file):
    """The modules a file imports, at the top or inside a function."""
    for node in nodes(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "pipeline":
                yield from (f"pipeline.{alias.name}" for alias in node.names)


def dotted(file):
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def layer_of(file):
    return file.relative_to(ROOT / "pipeline").parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", modules("pipeline"), ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_downward(file):
    own = layer_of(file)
    if own == "__init__":
        return
    for name in imports(file):
        if name.startswith("pipeline."):
            other = name.split(".")[1]
            assert RANK[other] <= RANK[own], f"{own} imports {other}"


def test_every_module_has_a_layer():
    assert {layer_of(file) for file in modules("pipeline")} - {"__init__"} <= set(RANK)


def test_pipeline_knows_nothing_of_flows_or_prefect():
    for file in modules("pipeline"):
        assert not [n for n in imports(file) if n.split(".")[0] in {"flows", "prefect"}], file


@pytest.mark.parametrize("folder", BESIDE)
def test_a_folder_beside_the_product_imports_only_what_it_may_of_the_others(folder):
    for file in modules(folder):
        assert {name.split(".")[0] for name in imports(file)} & set(BESIDE) <= BESIDE[folder] | {folder}, file


def test_the_product_and_its_tests_know_nothing_of_what_is_beside_it():
    product = [*modules("pipeline"), *modules("flows"), *modules("examples")]
    tests = [file for file in modules("tests") if file.relative_to(ROOT / "tests").parts[0] not in BESIDE]
    for file in [*product, *tests]:
        assert not {name.split(".")[0] for name in imports(file)} & set(BESIDE), file


def test_text_stages_know_no_clock_network_or_processes():
    forbidden = {"time", "socket", "urllib.request", "http", "requests", "subprocess", "multiprocessing", "threading"}
    for file in modules("pipeline"):
        if RANK.get(layer_of(file), 99) <= RANK["sections"] and layer_of(file) != "settings":
            assert not forbidden & set(imports(file)), file


def test_only_supervised_code_parses_untrusted_bytes():
    """``stages.child`` is where children begin; nothing that runs in the parent imports what it runs."""
    parent_side = [f for f in modules("pipeline") if RANK.get(layer_of(f), -1) >= RANK["store"]]
    for file in [*parent_side, *modules("flows")]:
        name = dotted(file)
        if name.startswith((*PARSERS, *CHILDREN)) or name in OWN_PROCESS:
            continue
        found = {one for one in imports(file) if one.startswith((*PARSERS, *CHILDREN))}
        assert found <= HARMLESS, f"{file} imports {found - HARMLESS}"


#: Folders of tests that mirror a folder of the same name at the top; the others mirror one of ``pipeline``.
OWN_FOLDER = {(name,) for name in ("flows", *BESIDE)}


def test_no_test_asserts_seconds():
    """Machines differ and are busy. ``growth`` tells how the cost of work grows; speed is measured in ``benchmarks``."""
    for file in modules("tests"):
        clock = {node.attr for node in nodes(file) if isinstance(node, ast.Attribute)}
        assert file.name == "growth.py" or not clock & {"process_time", "perf_counter", "thread_time"}, file


def mirrored(file):
    """True for a test of a module: PACKAGE/test_[PACKAGE_]MODULE[_ASPECT].py, or of a package's own ``__init__``."""
    folder = file.relative_to(ROOT / "tests").parent
    package = ROOT / folder if folder.parts[:1] in OWN_FOLDER else ROOT / "pipeline" / folder
    known = {one.stem for one in package.glob("*.py")} - {"__init__"}
    stem = file.stem.removeprefix("test_")
    own = stem.removeprefix(f"{folder.name}_")
    return stem == folder.name or any(name in known for name in heads(stem) | heads(own))


def heads(stem):
    words = stem.split("_")
    return {"_".join(words[:n]) for n in range(1, len(words) + 1)}


#: Tests of the whole: of its structure, of the sample files, of pairs of files, of what the documents say, of commands, and of how tests measure.
WHOLE = {"architecture", "samples", "golden", "readme", "examples", "commands", "growth"}


def test_every_test_mirrors_a_module():
    """A module that went has no tests left behind, and a test is where its module is."""
    files = [f for f in (ROOT / "tests").rglob("test_*.py") if f.stem.removeprefix("test_") not in WHOLE]
    orphans = [str(f.relative_to(ROOT)) for f in files if not mirrored(f)]
    assert not orphans


def test_a_test_of_a_module_that_is_gone_is_seen():
    assert mirrored(ROOT / "tests" / "read" / "test_read_warc.py")
    assert not mirrored(ROOT / "tests" / "read" / "test_read_gone.py")
    assert not mirrored(ROOT / "tests" / "test_warc.py")
    assert mirrored(ROOT / "tests" / "proofs" / "test_fuzz.py")
    assert not mirrored(ROOT / "tests" / "benchmarks" / "test_fuzz.py")
