"""Imports go down or stay level, never up; planning loads nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    (
        "environment",
        "errors",
        "workflow",
        "languages",
        "examples",
        "task",
        "declared",
        "recipe",
        "composition",
        "variants",
        "notation",
        "typed",
        "toml",
        "toyworld",
    ),
    ("tasks", "metrics", "baselines", "models", "sources", "benchmarks", "presets", "catalogue", "memory"),
    ("modeling", "task_types"),
    ("stages", "training"),
    (
        "kept",
        "shipped",
        "experiment",
        "forecast",
        "report",
        "submission",
        "explain",
        "hub",
        "serving",
        "recommend",
    ),
    ("cli", "configs"),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
HEAVY = {"torch", "transformers", "adapters", "peft", "datasets", "accelerate", "tokenizers"}
MAY_BE_HEAVY = {"modeling", "task_types", "training", "serving"}


def modules() -> list[tuple[str, Path]]:
    """(top name below xadapt, file) of every source file."""
    own = [
        (p.relative_to(ROOT / "xadapt").parts[0].removesuffix(".py"), p)
        for p in (ROOT / "xadapt").rglob("*.py")
    ]
    return own + [("cli", p) for p in (ROOT / "cli").glob("*.py")]


def imported(tree: ast.Module, top_only: bool = False) -> set[str]:
    nodes = tree.body if top_only else list(ast.walk(tree))
    names = {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom) and not n.level}
    return names | {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda v: v.name if isinstance(v, Path) else "")
def test_imports_go_down(name, path):
    if name == "__init__":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lazily = imported(tree) - imported(tree, top_only=True)
    for module in imported(tree):
        if not module.startswith("xadapt."):
            continue
        other = module.split(".")[1]
        # A verb reaches the engine only inside its `run`: that is level, and keeps planning light.
        allowed = name == "stages" and other == "training" and module in lazily
        assert allowed or LEVEL[other] <= LEVEL[name], f"{path}: imports {module}, which lies above"


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda v: v.name if isinstance(v, Path) else "")
def test_heavy_packages_stay_in_their_layers(name, path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    heavy = {module.split(".")[0] for module in imported(tree, top_only=True)} & HEAVY
    assert not heavy or name in MAY_BE_HEAVY, f"{path} imports {heavy} when it is loaded"


def test_workflow_and_metrics_know_nothing_of_the_rest():
    for folder, known in (("workflow", {"workflow", "errors"}), ("metrics", {"metrics"})):
        for path in (ROOT / "xadapt" / folder).glob("*.py"):
            used = {m.split(".")[1] for m in imported(ast.parse(path.read_text())) if m.startswith("xadapt.")}
            assert used <= known, path


@pytest.mark.parametrize(
    "code",
    [
        "import xadapt.cli.main",
        "from xadapt import experiment; list(experiment.load('demo').goals())",
        "from xadapt import explain; from xadapt.report import table, markdown",
    ],
)
def test_asking_loads_nothing_heavy(code):
    check = f"import sys\n{code}\nprint(sorted(set(sys.modules) & {HEAVY | {'numpy'}!r}))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_files_stay_small():
    long = {str(p): n for _, p in modules() if (n := len(p.read_text(encoding="utf-8").splitlines())) > 300}
    assert long == {}
