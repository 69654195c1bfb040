"""Masked language modelling and retrieval: what is hidden, and what is found."""

import numpy as np

from tests.task_types.multilingual import SCRIPTS, TRAINED
from xadapt.examples import Pairing, Text
from xadapt.recipe import Recipe
from xadapt.task_types import mlm, retrieval


def test_masking_hides_the_declared_share_and_no_special_token():
    lines = [Text(str(i), text, None) for i, text in enumerate(SCRIPTS * 20)]
    items = mlm.encode(lines, TRAINED, Recipe(), ())
    batch = mlm.batch(items, np.random.default_rng(1), Recipe(mask=0.2))
    original = np.concatenate([item.sequences[0].ids for item in items])
    at = batch.targets["at"].numpy()
    share = len(at) / (original >= 4).sum()
    assert abs(share - 0.2) < 0.02
    assert (original[at] >= 4).all() and (original[at] == batch.targets["token"].numpy()).all()
    shown = batch.ids.numpy()
    untouched = np.ones(len(shown), bool)
    untouched[at] = False
    assert (shown[untouched] == original[untouched]).all()
    mask = TRAINED.token_to_id("<mask>")
    assert abs((shown[at] == mask).mean() - 0.8) < 0.05


def test_retrieval_finds_the_foreign_line_for_each_english_one():
    examples = [Pairing("1", "a", "x"), Pairing("2", "b", "y"), Pairing("3", "c", "z")]
    foreign, english = np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)[[2, 0, 1]] * 7
    assert retrieval.decode([*foreign, *english], [], examples, ()) == [2, 0, 1]
    assert [item.example for item in retrieval.encode(examples, TRAINED, Recipe(), ())] == [
        0,
        1,
        2,
        0,
        1,
        2,
    ]
