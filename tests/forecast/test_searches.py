"""Searches before they are read: against rows of the toy world that really were generated."""

from collections import defaultdict
from importlib.resources import files

import pytest
from tokenizers import Tokenizer

from xadapt import examples
from xadapt.forecast.reading import Reading
from xadapt.forecast.searches import BLOCK, SENTENCES
from xadapt.forecast.work import Forecaster
from xadapt.recipe import Recipe
from xadapt.sources import Folder
from xadapt.stages.data import Data
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.tasks import task
from xadapt.toyworld import retrieval
from xadapt.workflow.context import Context
from xadapt.workflow.store import Store

from .plans import SMALL, planned

SEARCHES = SMALL.replace('["xnli", "xquad", "mlqa"]', '["lareqa", "mewslix", "bucc2018", "tatoeba"]')
SEARCHES = SEARCHES.replace('"qaa"]', '"qaa", "qab"]') + "[reading]\nlayer = 4\n"


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """The stages of an experiment, and what its data really hold by digest."""
    folder = tmp_path_factory.mktemp("searches")
    _, plan = planned(folder, SEARCHES)
    found, context = {}, Context(store=Store(folder / "runs"))
    for stage in plan.stages:
        if isinstance(stage, Data) and stage.task in ("lareqa", "mewslix", "bucc2018", "tatoeba"):
            out = folder / stage.digest
            out.mkdir()
            stage.run(out, context)
            found[stage.digest] = list(examples.read(out / "examples.jsonl", task(stage.task).type))
    return plan.stages, found


@pytest.fixture(scope="module")
def count():
    tokenizer = Tokenizer.from_file(str(files("xadapt.toyworld") / "encoder" / "tokenizer.json"))
    return lambda text, pair=None: tuple(tokenizer.encode(text, pair).ids)


def test_rows_of_a_search_are_its_queries_and_candidates(read):
    stages, found = read
    reading, seen = Reading(), set()
    for stage in stages:
        if stage.digest in found:
            every, amount = found[stage.digest], reading.of(stage)
            assert (amount.rows, amount.asked) == (len(every), len(examples.asked(every)))
            assert amount.exact
            seen.add(stage.task)
    assert seen == {"lareqa", "mewslix", "bucc2018", "tatoeba"} and retrieval.BLOCK == BLOCK
    assert SENTENCES == 3


def test_what_languages_search_together_is_encoded_for_the_first(read, count):
    stages, found = read
    forecaster, known, seen = Forecaster(Reading()), {}, defaultdict(list)
    for stage in stages:
        if not isinstance(stage, Predict) or stage.task not in ("lareqa", "mewslix", "tatoeba", "bucc2018"):
            continue
        every = found[stage.data.digest]
        if stage.task == "tatoeba":
            texts = [count(side) for each in every for side in (each.source, each.target)]
        else:
            texts = [count(each.text, each.pair) for each in every]
        # Mining reads its two collections anew in every language.
        pool = known.setdefault((stage.companions(), stage.task != "bucc2018" or stage.digest), set())
        actual = sum(len(text) for text in set(texts) - pool)
        pool |= set(texts)
        work = forecaster.work(stage)
        assert forecaster.work(stage) == work
        seen[stage.task, stage.companions()].append((work.read, actual))
    assert len({name for name, _ in seen}) == 4
    for (name, _), pairs in seen.items():
        forecast, actual = (list(each) for each in zip(*pairs, strict=True))
        assert sum(forecast) == pytest.approx(sum(actual), rel=0.2), name
        for tokens in (forecast, actual):
            # Mining alone shares nothing.
            assert all((other > 0.75 * tokens[0]) == (name == "bucc2018") for other in tokens[1:]), name


def test_a_ranking_trains_on_pairs_of_a_query_and_its_answer(read, count):
    stages, found = read
    (stage,) = [s for s in stages if isinstance(s, Train) and s.task == "lareqa" and not s.base.parts]
    every = found[stage.data.digest]
    place = {each.id: each for each in every}
    pairs = [(each, place[name]) for each in every for name in each.relevant]
    work = Forecaster(Reading()).work(stage)
    assert work.rows == len(pairs) == 48
    one = sum(len(count(q.text)) + len(count(c.text, c.pair)) for q, c in pairs) / len(pairs)
    assert work.trained == pytest.approx(stage.recipe.steps * stage.recipe.batch * one, rel=0.25)
    items, _ = Reading().items(stage.data, Recipe(epochs=1), "train")
    assert items == 48


def test_a_limit_leaves_every_candidate(read):
    stages, _ = read
    data = next(stage for stage in stages if isinstance(stage, Data) and stage.task == "bucc2018")
    few = Data(task=data.task, task_version=data.task_version, rows=data.rows, limit=5)
    amount = Reading().of(few)
    assert amount.asked == 5 and amount.rows == 5 + Reading().of(data).searched


def test_gold_pairs_in_a_folder_are_no_sentences(tmp_path):
    for name, rows in (("pool_source", 30), ("pool_target", 50), ("validation", 7)):
        path = tmp_path / "bucc18" / "de" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n" * rows)
    names = [f"bucc18/de/{part}" for part in ("pool_source", "pool_target", "validation")]
    data = Data(
        task="bucc2018", task_version=1, rows=tuple(Folder(name=name, sha256="0" * 64) for name in names)
    )
    amount = Reading(None, tmp_path).of(data)
    assert (amount.asked, amount.searched, amount.exact) == (30, 50, False)


def test_mining_stops_at_its_layer_and_compares_all_with_all(read, tmp_path):
    def mining(stages):
        return Forecaster(Reading()).work(
            next(s for s in stages if isinstance(s, Predict) and s.task == "bucc2018")
        )

    _, plan = planned(tmp_path, SEARCHES.replace("layer = 4", "layer = 1"))
    whole, quarter = mining(read[0]), mining(plan.stages)
    assert whole.pairs == quarter.pairs == 240 * 240
    assert (whole.depth, quarter.depth) == (1.0, 0.25)
    compared = 2 * 128 * whole.pairs
    assert quarter.flops - compared == pytest.approx((whole.flops - compared) / 4)
