"""Any composition that can be written, under any method: planned once, or refused in one line."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xadapt import experiment
from xadapt.composition import Composition
from xadapt.errors import ConfigError
from xadapt.notation import parse
from xadapt.stages.merged import Merged
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train
from xadapt.workflow.plan import Plan
from xadapt.workflow.stage import Stage

from .test_notation import COMPOSITIONS, NAMES

METHODS = (
    '{ name = "bottleneck" }',
    '{ name = "bottleneck", place = "double", leave_out = [0] }',
    '{ name = "lora", dropout = 0.1, rslora = true }',
    '{ name = "lora", dora = true }',
    '{ name = "full" }',
    '{ name = "ia3" }',
)
FILE = """
[model]
name = "toyworld"
[data]
world = "toyworld"
languages = ["en", "qaa"]
[recipe.x]
method = {method}
[reading]
layer = 4
[intermediate]
tasks = ["mnli", "squad", "hellaswag"]
[target]
tasks = ["pawsx", "tatoeba"]
compositions = ["{composition}"]
"""


def stages(folder: Path, method: str, composition: Composition) -> list[Stage]:
    """What makes modules; nothing where the file is refused, in one line that names its place."""
    path = folder / "e.toml"
    text = FILE.format(method=method, composition=composition)
    path.write_text(text, encoding="utf-8")
    try:
        found = experiment.load(str(path))
    except ConfigError as error:
        assert "\n" not in error.message and "target.compositions[0]" in error.message
        assert "is not defined for" in error.message
        return []
    every = Plan.of(found.goals()).stages
    assert len({stage.digest for stage in every}) == len(every)
    return [stage for stage in every if isinstance(stage, Train | Mixture | Merged)]


@settings(deadline=None, max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))
@given(COMPOSITIONS, st.sampled_from(METHODS))
def test_it_is_planned_once_or_refused_in_one_line(tmp_path, composition, method):
    titles = [stage.title() for stage in stages(tmp_path, method, composition)]
    assert len(set(titles)) == len(titles), "the same training twice"
    assert not titles or any(title.startswith("train pawsx") for title in titles)


@pytest.mark.parametrize(
    ("written", "trained"),
    [
        ("chain(merge(mnli, squad), hellaswag) + mlm", "merge(mnli, squad), hellaswag + mlm"),
        ("chain(chain(mnli, squad), hellaswag) + mlm", "mnli + mlm, squad + mlm, hellaswag + mlm"),
        ("chain(chain(mnli, squad) + mlm, hellaswag)", "mnli + mlm, squad + mlm, hellaswag"),
        ("chain(mnli + mlm, squad) + mlm", "mnli + mlm, squad + mlm"),
    ],
)
def test_text_is_mixed_into_all_of_a_chain_that_trains(tmp_path, written, trained):
    (composition,) = parse(f"stack({written})", NAMES)
    (target,) = (
        stage for stage in stages(tmp_path, METHODS[0], composition) if stage.title()[6:11] == "pawsx"
    )
    assert target.title() == f"train pawsx stack(chain({trained}))"
