"""Tokens, steps and bytes of stages before they run."""

import pytest

from xadapt.baselines import learned
from xadapt.forecast.model import KNOWN, model
from xadapt.forecast.reading import Reading
from xadapt.forecast.shares import shares
from xadapt.forecast.work import LEARNED, Forecaster
from xadapt.recipe import ModelSpec
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train
from xadapt.training import sampler

from .plans import SMALL, planned


def works(folder, text=SMALL):
    _, plan = planned(folder, text)
    forecaster = Forecaster(Reading())
    return [(stage, forecaster.work(stage)) for stage in plan.stages]


def test_steps_of_the_recipe_are_respected(tmp_path):
    for stage, work in works(tmp_path):
        if isinstance(stage, Train):
            assert work.steps == 6 and work.rows >= 48
            # Six steps of eight examples are one epoch of the 48 rows.
            assert work.trained / 48 == pytest.approx(work.tokens / (6 * 8))


def test_epochs_count_rows_and_a_limit_counts_less(tmp_path):
    epochs = SMALL.replace("steps = 6", "epochs = 2")
    steps = {work.steps for stage, work in works(tmp_path, epochs) if isinstance(stage, Train)}
    assert steps == {12}
    fewer = works(tmp_path, epochs.replace("train_rows = 48", "train_rows = 24"))
    assert {work.steps for stage, work in fewer if isinstance(stage, Train)} == {6}


def test_a_shorter_limit_cuts_tokens(tmp_path):
    def tokens(text):
        return sum(
            work.tokens for stage, work in works(tmp_path, text) if getattr(stage, "task", "") == "mnli"
        )

    assert 0 < tokens(SMALL.replace("batch = 8", "batch = 8\nmax_length = 20\nstride = 4")) < tokens(SMALL)


def test_a_mixture_takes_the_steps_of_its_parts(tmp_path):
    text = SMALL.replace('["alone", "stack(each)", "fuse(all)"]', '["continue(multitask(all))"]')
    (work,) = [work for stage, work in works(tmp_path, text) if isinstance(stage, Mixture)]
    single = [work for stage, work in works(tmp_path) if isinstance(stage, Train) and not stage.base.parts]
    assert work.steps == 12
    assert work.trained == pytest.approx(sum(each.trained for each in single), rel=0.05)


@pytest.mark.parametrize(
    ("how", "at"),
    [("uniform", 3.0), ("proportional", 3.0), ("capped", 3.0), ("temperature", 3.0), ("temperature", 0.009)],
)
def test_parts_of_a_mixture_are_shared_as_the_sampler_shares_them(tmp_path, how, at):
    text = SMALL.replace('["alone", "stack(each)", "fuse(all)"]', '["continue(multitask(all))"]')
    text += f'[sampling]\nhow = "{how}"\ncap = 1000\ntemperature = {at}\n'
    (stage,) = [stage for stage, _ in works(tmp_path, text) if isinstance(stage, Mixture)]
    found, _ = shares(stage, [300, 5000])
    want = sampler.probabilities([300, 5000], how, cap=1000, temperature=at)
    assert found == pytest.approx(want.tolist())


def test_full_training_costs_more_operations_and_disk(tmp_path):
    part = 'method = { name = "bottleneck", reduction_factor = 8 }'
    alone = SMALL.replace('"stack(each)", "fuse(all)"', "").replace('"alone", ', '"alone"')
    few = [work for stage, work in works(tmp_path, alone) if isinstance(stage, Train)]
    many = [
        work
        for stage, work in works(tmp_path, alone.replace(part, 'method = "full"'))
        if isinstance(stage, Train)
    ]
    assert all(full.flops > 1.3 * small.flops for small, full in zip(few, many, strict=True))
    assert all(full.disk > 4 * 1_000_000 > small.disk for small, full in zip(few, many, strict=True))
    assert all(full.memory > small.memory > 0 for small, full in zip(few, many, strict=True))


def test_what_baselines_learn_from_is_what_they_say():
    assert learned.ROWS == LEARNED


def test_a_model_that_is_not_here_is_known_by_name_or_not_at_all():
    large = model(ModelSpec(name="FacebookAI/xlm-roberta-large"))
    assert large is not None and large.sizes == KNOWN["xlm-roberta-large"]
    # Conneau et al. 2020, table 1 there: 550 million parameters.
    assert large.parameters == pytest.approx(559e6, rel=0.02)
    assert model(ModelSpec(name="somebody/unheard-of")) is None


@pytest.mark.parametrize(
    ("name", "millions"),
    # Of the papers; of mT5 the encoder alone, 192 of embeddings and 85 of layers. A gate is not counted here.
    [("google/mt5-base", 277), ("jhu-clsp/mmBERT-base", 307), ("facebook/xlm-roberta-xl", 3480)],
)
def test_public_models_are_planned_before_they_are_here(name, millions):
    found = model(ModelSpec(name=name))
    assert found is not None and found.parameters == pytest.approx(1e6 * millions, rel=0.15)


def test_exact_rows_come_from_a_file_of_lines(tmp_path):
    text = '[tasks.mine]\ntype = "classification"\nlabels = ["a", "b"]\ntrain = "rows.jsonl"\n'
    text += 'test = { en = "held.jsonl" }\n' + SMALL.replace('["xnli", "xquad", "mlqa"]', '["mine"]')
    text = text.replace('"stack(each)", "fuse(all)"', "").replace('"en", "qaa"', '"en"')
    rows = '{"text": "one", "label": "a"}\n{"text": "two", "label": "b"}\n{"text": "three", "label": "a"}\n'
    for name in ("rows", "held"):
        (tmp_path / f"{name}.jsonl").write_text(rows)
    found = {stage.kind: work for stage, work in works(tmp_path, text) if stage.kind in ("data", "predict")}
    assert found["predict"].rows == 3 and found["data"].exact


def test_a_file_of_short_rows_is_short_before_it_was_read_as_afterwards(tmp_path):
    text = '[tasks.mine]\ntype = "classification"\nlabels = ["a", "b"]\ntrain = "rows.jsonl"\n'
    text += 'test = { en = "held.jsonl" }\n' + SMALL.replace('["xnli", "xquad", "mlqa"]', '["mine"]')
    text = text.replace('"stack(each)", "fuse(all)"', "").replace('"en", "qaa"', '"en"')

    def tokens(words):
        for name in ("rows", "held"):
            rows = (f'{{"text": "{" ".join([word] * words)}", "label": "a"}}\n' for word in ("one", "two"))
            (tmp_path / f"{name}.jsonl").write_text("".join(rows) * 12)
        return next(work.tokens for stage, work in works(tmp_path, text) if stage.kind == "predict")

    # A word of three letters is four bytes, of which a token has 5.5 where 220 bytes are usually 40 tokens.
    assert tokens(6) == pytest.approx(24 * (30 + 4 * 6) / 5.5, rel=0.15)
    assert tokens(48) > 3 * tokens(6)
