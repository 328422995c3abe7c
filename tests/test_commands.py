"""Every command beside the product is there without its peers, says how it is called, and is in its folder's table."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("benchmarks", "proofs", "training")
PEERS = ("trafilatura", "datasketch", "resiliparse", "readability", "justext", "pandas", "jax", "rensa", "datatrove")
TRAINER = "training.block_net"  # all of it is JAX
MODULES = sorted(
    {
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("[a-z]*.py")
    }
    - {TRAINER}
)


@pytest.mark.parametrize("name", MODULES)
def test_every_command_imports_without_its_peers_and_answers_help(name, monkeypatch, capsys):
    for peer in PEERS:
        monkeypatch.setitem(sys.modules, peer, None)
    monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module(name)
    monkeypatch.setitem(sys.modules, name, module)
    assert module.__doc__
    if not hasattr(module, "main"):
        return
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as end:
        module.main()
    assert end.value.code == 0
    assert "usage" in capsys.readouterr().out


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_table_of_a_folder_names_its_commands_and_no_other(folder):
    table = [
        line for line in (ROOT / folder / "README.md").read_text("utf-8").splitlines() if line.startswith("| `python")
    ]
    named = {line.split("`")[1].split()[2] for line in table}
    there = {name for name in MODULES if name.startswith(folder) and hasattr(importlib.import_module(name), "main")}
    assert named == there
