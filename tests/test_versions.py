"""A change of code that makes results forces a decision: raise the version of its stage, or say it does not.

The fingerprint is of the syntax tree, without comments and docstrings. When this test fails: if the
change alters what a stage writes, raise its `version` (rows of the toy world: that of each dataset whose
rows change, in `toyworld.datasets.VERSIONS`); then run this file as a program to record the
new fingerprint in tests/versions.json, so that the decision is in the diff.
"""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

import pytest

from xadapt import toyworld
from xadapt.metrics import metrics
from xadapt.stages.baseline import Baseline
from xadapt.stages.data import Data
from xadapt.stages.encoder import Encoder
from xadapt.stages.merged import Merged
from xadapt.stages.mixture import Mixture
from xadapt.stages.predict import Predict
from xadapt.stages.score import Score
from xadapt.stages.train import Train

ROOT = Path(__file__).parents[1] / "xadapt"
RECORDED = Path(__file__).with_name("versions.json")
WORLD = "rows of the toy world"
ENGINE = ["modeling/*.py", "task_types/*.py", "training/*.py"]
CODE = {
    Data: ["stages/data.py", "sources/*.py", "examples.py", "task.py", "declared.py", "tasks/*.py"],
    Encoder: ["stages/encoder.py", *ENGINE],
    Train: ["stages/train.py", *ENGINE],
    Predict: ["stages/predict.py", *ENGINE],
    Mixture: ["stages/mixture.py", *ENGINE],
    Merged: ["stages/merged.py", *ENGINE],
    Baseline: ["stages/baseline.py", "baselines/*.py"],
    Score: ["stages/score.py", *(f"metrics/{name}.py" for name in metrics())],
}


def fingerprint(patterns: list[str]) -> str:
    """SHA-256 over the syntax trees of all files that match."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in ROOT.glob(pattern)}):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                texts = [n for n in body if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)]
                node.body = [n for n in body if n not in texts]  # type: ignore[attr-defined]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:16]


@cache
def now() -> dict[str, dict[str, object]]:
    made = {name: toyworld.version(name) for name in toyworld.DATASETS}
    return {
        stage.__name__: {"version": stage.version, "code": fingerprint(patterns)}
        for stage, patterns in CODE.items()
    } | {WORLD: {"version": made, "code": fingerprint(["toyworld/*.py"])}}


@pytest.mark.parametrize("name", [*(stage.__name__ for stage in CODE), WORLD])
def test_a_change_of_code_is_a_decision(name):
    assert json.loads(RECORDED.read_text())[name] == now()[name], f"{name}: see the docstring of this file"


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(now(), indent=2) + "\n")
