"""The structure that the code keeps: imports point downward, flows import pipeline and never the reverse."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: Packages and modules of ``pipeline`` from the bottom up; a layer imports from those before it, or from itself.
LAYERS = (
    ("types", "errors", "version", "tokens", "text_safety", "safe_path", "proof", "marks", "disk", "journal", "ids"),
    ("charset_sample", "text"),
    ("charset", "mojibake", "headings", "settings", "roots", "debris", "scores", "machine"),
    ("decode", "repair", "dates"),
    ("extract", "boilerplate", "language", "dedup", "quality", "rules"),
    ("metadata",),
    ("sections",),
    ("read", "schema", "recipe"),
    ("shards", "store"),
    ("worker",),
    ("nursery",),
    ("supervise",),
    ("collection", "outcomes", "learning"),
    ("jobs", "retry"),
    ("report",),
    ("run",),
    ("api", "local", "explain", "dictionary", "trial", "site_lines", "site_draft", "rule_effect"),
    ("cli", "cli_kit", "cli_rules"),
    ("__main__",),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}

#: What parses untrusted bytes, and who may import it: all of it runs in supervised children.
PARSERS = ("read", "decode", "extract", "recipe")


def modules(package):
    return sorted((ROOT / package).rglob("*.py"))


def imports(file):
    """The modules a file imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "pipeline":
                yield from (f"pipeline.{alias.name}" for alias in node.names)


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


def test_text_stages_know_no_clock_network_or_processes():
    forbidden = {"time", "socket", "urllib.request", "http", "requests", "subprocess", "multiprocessing", "threading"}
    for file in modules("pipeline"):
        if RANK.get(layer_of(file), 99) <= RANK["sections"] and layer_of(file) != "settings":
            assert not forbidden & set(imports(file)), file


def test_only_supervised_code_parses_untrusted_bytes():
    """``worker`` is where children begin; nothing that runs in the parent imports what it runs.

    ``api`` does by its purpose: who calls ``pipeline.clean`` asks for the stages in their own process.
    """
    parent_side = [f for f in modules("pipeline") if RANK.get(layer_of(f), -1) > RANK["worker"]]
    parent_side.remove(ROOT / "pipeline" / "api.py")
    for file in [*parent_side, *modules("flows")]:
        found = {n for n in imports(file) if n.startswith("pipeline.") and n.split(".")[1] in PARSERS}
        allowed = {"pipeline.read.scan", "pipeline.read.outcome", "pipeline.read.rawfile"}
        assert found <= allowed, f"{file} imports {found - allowed}"
        assert "pipeline.worker" not in set(imports(file)), file


def test_tests_mirror_modules():
    """Each test file under a package's folder names what it tests; none is an orphan."""
    known = {file.stem for file in [*modules("pipeline"), *modules("flows")]}
    known |= {file.parent.name for file in [*modules("pipeline"), *modules("flows")]}
    known |= {"architecture", "samples", "readme", "benchmarks", "golden", "hostile", "examples"}
    for file in (ROOT / "tests").rglob("test_*.py"):
        words = file.stem.removeprefix("test_").split("_")
        names = {"_".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)}
        assert names & known, f"{file} mirrors no module"
