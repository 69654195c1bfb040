"""What a store holds beside its stages."""

from dataclasses import replace
from importlib.resources import files

import pytest
from tokenizers import Tokenizer

from xadapt.forecast import disk
from xadapt.forecast.model import KNOWN
from xadapt.forecast.reading import Reading
from xadapt.forecast.table import forecast
from xadapt.forecast.work import Forecaster
from xadapt.recipe import Full, ModelSpec
from xadapt.stages.train import Train
from xadapt.tasks import task
from xadapt.training.tokens import encoded, encoded_training
from xadapt.workflow.attempt import run_group
from xadapt.workflow.context import Context
from xadapt.workflow.store import Store

from .plans import SMALL, planned

RANKING = SMALL.replace('["xnli", "xquad", "mlqa"]', '["lareqa"]') + "[reading]\nlayer = 4\n"


def test_texts_are_counted_once_and_not_where_they_are_kept(tmp_path):
    asked, plan = planned(tmp_path, SMALL)
    reading = Reading()
    whole = forecast(plan, plan.stages, asked, Forecaster(reading), None, plan.groups(1)).beside
    again = [
        *plan.stages,
        *(replace(s, seed=2) for s in plan.stages if isinstance(s, Train) and not s.inputs),
    ]
    assert whole.encoded > 0 and disk.beside(again, again, [], {}, reading, 1).encoded == whole.encoded
    trained = [stage for stage in plan.stages if isinstance(stage, Train)]
    left = [stage for stage in plan.stages if stage not in trained]
    assert 0 < disk.beside(plan.stages, left, [], {}, reading, 1).encoded < whole.encoded
    last = trained[-1:]
    assert disk.beside(plan.stages, last, [], {}, reading, 1).encoded == 0


@pytest.mark.parametrize("name", ["mnli", "squad"])
def test_texts_take_on_the_disk_what_was_forecast(tmp_path, name):
    _, plan = planned(tmp_path, SMALL)
    store = Store(tmp_path / "runs")
    stage = next(s for s in plan.stages if isinstance(s, Train) and s.task == name)
    assert run_group((stage.data,), Context(store=store))[0].error is None
    tokenizer = Tokenizer.from_file(str(files("xadapt.toyworld") / "encoder" / "tokenizer.json"))
    encoded(stage.data, name, task(name).labels, tokenizer, stage.recipe, Context(store=store))
    kept = (store.root / ".tokens").glob("*/*")
    held = sum(path.stat().st_size for path in kept if path.name != "facts.json")
    assert disk.beside([stage], [stage], [], {}, Reading(), 1).encoded == pytest.approx(held, rel=0.25)


def test_passages_of_a_ranking_are_kept_for_its_training_and_its_predictions(tmp_path):
    _, plan = planned(tmp_path, RANKING)
    stage = next(s for s in plan.stages if isinstance(s, Train) and s.task == "lareqa")
    store = Store(tmp_path / "runs")
    assert run_group((stage.data,), Context(store=store))[0].error is None
    tokenizer = Tokenizer.from_file(str(files("xadapt.toyworld") / "encoder" / "tokenizer.json"))
    encoded_training(stage.data, stage.task, (), tokenizer, stage.recipe, Context(store=store))
    held = sum(
        path.stat().st_size for path in (store.root / ".tokens").glob("*/*") if path.name != "facts.json"
    )
    assert disk.beside([stage], [stage], [], {}, Reading(), 1).encoded == pytest.approx(held, rel=0.35)


def test_checkpoints_are_those_of_the_workers_and_stand_beside_the_next(tmp_path):
    _, plan = planned(tmp_path)
    trained = [stage for stage in plan.stages if isinstance(stage, Train)]
    states = {stage.digest: 100.0 * place for place, stage in enumerate(trained, 1)}
    groups = [trained[:2], trained[2:3], trained[3:4]]
    found = [
        disk.beside(trained, trained, groups, states, Reading(), workers).checkpoints for workers in (1, 2)
    ]
    assert found == [2 * 400, 2 * 700]


def test_a_full_training_of_a_large_encoder_holds_gigabytes(tmp_path):
    _, plan = planned(tmp_path)
    stage = next(stage for stage in plan.stages if isinstance(stage, Train) and not stage.base.parts)
    large = ModelSpec(name="FacebookAI/xlm-roberta-large", revision="0" * 40)
    full = replace(stage, model=large, recipe=replace(stage.recipe, method=Full()))
    sizes = KNOWN["xlm-roberta-large"]
    state = Forecaster(Reading()).work(full).state
    assert state == pytest.approx(12 * (sizes.matrices + sizes.rest), rel=0.01) and state > 6.5e9


def test_the_free_disk_is_that_of_the_nearest_folder_there_is(tmp_path):
    assert disk.free(tmp_path / "not" / "yet") == pytest.approx(disk.free(tmp_path), rel=0.5)
