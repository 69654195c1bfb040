"""Language modelling scores a vocabulary: what that costs a training, and what it holds and leaves behind."""

from dataclasses import replace

import pytest

from xadapt.composition import Alone
from xadapt.forecast.device import STATED
from xadapt.forecast.model import KNOWN, Model
from xadapt.forecast.reading import Reading
from xadapt.forecast.work import Forecaster
from xadapt.memory.estimate import How, estimate
from xadapt.recipe import Bottleneck, Full, ModelSpec, Recipe
from xadapt.sources import Toy
from xadapt.stages.data import Data
from xadapt.stages.memory import load
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train

from .plans import SMALL, calibration, planned

LARGE = KNOWN["xlm-roberta-large"]
TEXT = SMALL.replace('["alone", "stack(each)", "fuse(all)"]', '["continue(mnli + mlm)"]')
TEXT += '[mlm]\ntexts = ["text/mixed/train"]\nshare = 0.25\n'


def works(folder, text, precision="bf16"):
    _, plan = planned(folder, text)
    forecaster = Forecaster(Reading(), precision)
    return [(stage, forecaster.work(stage)) for stage in plan.stages]


def mixture(folder, text=TEXT):
    ((stage, work),) = [pair for pair in works(folder, text) if isinstance(pair[0], Mixture)]
    return stage, work


def test_the_vocabulary_is_counted_for_the_tokens_that_are_hidden(tmp_path):
    _, work = mixture(tmp_path)
    shared = work.scored / (0.15 * 2 * 2 * 128 * 2500)
    # Of the steps a quarter is text, whose examples are as long as others here or longer.
    assert 0.1 * work.trained < shared < 0.9 * work.trained
    _, none = mixture(tmp_path, TEXT.replace("mnli + mlm", "multitask(all)"))
    assert none.scored == 0.0 < work.scored < work.flops


@pytest.mark.parametrize(("name", "share"), [("xlm-roberta-base", 0.33), ("xlm-roberta-large", 0.13)])
def test_a_language_adapter_pays_for_what_it_scores(name, share):
    size = Model(name, KNOWN[name])
    stage, forecaster = language(name), Forecaster(Reading())
    work = forecaster.work(stage)
    assert work.scored / (2 * work.trained * size.forward(work.trained / (work.steps * 32))) == pytest.approx(
        share, abs=0.02
    )
    # Its head: a matrix and a bias for each word, beside the module.
    head = 4 * (size.sizes.hidden**2 + size.sizes.vocabulary)
    other = forecaster.work(replace(stage, task="mnli", language=""))
    assert work.disk - other.disk == pytest.approx(head - 4 * size.sizes.hidden**2, rel=0.01)


def language(name, method=None):
    """A training on text, over a model that need not be here."""
    rows = Toy(dataset="text", config="mixed", split="train", size=400, version=1)
    data = Data(task="text", task_version=1, rows=(rows,))
    recipe = Recipe(method=method or Bottleneck(), steps=10, batch=32)
    model = ModelSpec(name=f"FacebookAI/{name}", revision="0" * 40)
    return Train(task="text", data=data, model=model, base=Alone(), recipe=recipe, seed=1, language="de")


def test_devices_take_longer_for_a_vocabulary():
    with_vocabulary = Forecaster(Reading()).work(language("xlm-roberta-base"))
    without = replace(with_vocabulary, flops=with_vocabulary.flops - with_vocabulary.scored, scored=0.0)
    many = [
        replace(work, trained=0.0, steps=1, flops=1e6 * work.flops) for work in (with_vocabulary, without)
    ]
    more, less = (STATED["h200"].seconds(work) for work in many)
    assert 1.2 * less < more
    slow = calibration()
    tokens = [slow.seconds(replace(work, steps=0)) - 1.0 for work in (with_vocabulary, without)]
    ratio = with_vocabulary.flops / without.flops
    assert tokens[0] == pytest.approx(ratio * tokens[1]) and ratio > 1.2


def test_the_peak_is_that_of_the_text_where_it_needs_most(tmp_path):
    stage, work = mixture(tmp_path)
    text = Train(
        task=stage.text.task,
        data=stage.text.data,
        model=stage.model,
        base=Alone(),
        recipe=stage.text.recipe,
        seed=1,
        language="de",
    )
    assert load(stage, Model("toyworld", KNOWN["xlm-roberta-base"]).sizes).kind == "mlm"
    alone = Forecaster(Reading()).work(text).memory
    assert work.memory >= 0.98 * alone > 0


def test_a_full_training_scores_with_gradients_of_the_words():
    plain, full = (
        Forecaster(Reading()).work(language("xlm-roberta-base", m)) for m in (Bottleneck(), Full())
    )
    assert full.scored == pytest.approx(1.5 * plain.scored)


def test_what_is_forecast_fits_into_what_a_run_expects_at_most(tmp_path):
    for text in (SMALL, TEXT):
        for stage, work in works(tmp_path, text, "fp32"):
            if isinstance(stage, Train | Mixture):
                size = work.model.sizes
                most = estimate(size, [load(stage, size)], How("fp32", padded=True)).total
                assert 0 < work.memory <= most
