"""What is picked within an amount of memory: the same in every order, with what a selection keeps."""

from dataclasses import replace
from itertools import permutations

import pytest

from xadapt.errors import DoesNotFit
from xadapt.memory.choose import at, choose
from xadapt.memory.estimate import How, Load, estimate
from xadapt.memory.sizes import Shape, Sizes, trainable
from xadapt.recipe import Bottleneck, LoRA, Recipe

LARGE = Sizes(24, 1024, 16, 4096, 250_002)
HOW = How("bf16")


def load(kind="classification", outputs=3, **recipe):
    made = Recipe(**recipe)
    return Load(made, Shape(made.method), 4096, outputs, kind)


def test_the_order_of_trainings_side_by_side_changes_no_limit():
    loads = [load(), load("mlm", LARGE.vocabulary), load("tagging", 30)]
    found = {choose(LARGE, order, 128, 8 * 2**30, HOW, "cuda").tokens for order in permutations(loads)}
    assert len(found) == 1


def test_the_tokens_of_a_pass_are_those_of_the_training_that_they_cost_most():
    plain, words = load(), load("mlm", LARGE.vocabulary)
    most = max(
        estimate(LARGE, [replace(one, tokens=1000 * (one is big)) for one in (plain, words)], HOW).total
        for big in (plain, words)
    )
    assert at(LARGE, [plain, words], 1000, HOW).total == at(LARGE, [words, plain], 1000, HOW).total == most


@pytest.mark.parametrize(("select", "copies"), [("last", 0), ("average", 1), ("dev", 1), ("oracle", 10)])
def test_snapshots_are_held_beside_what_trains(select, copies):
    shape = Shape(Bottleneck(), "fuse", 9)
    last, chosen = (
        estimate(LARGE, [Load(Recipe(select=how), shape, 2048, 3, "span")], HOW).modules
        for how in ("last", select)
    )
    heads = 3 * LARGE.hidden
    assert chosen - last == copies * 4 * (trainable(LARGE, shape) + heads)


def test_an_oracle_keeps_no_more_than_there_are_steps():
    few, more = (
        estimate(LARGE, [load(select="oracle", steps=steps, method=LoRA())], HOW).modules for steps in (4, 40)
    )
    one = estimate(LARGE, [load(select="average", method=LoRA())], HOW).modules
    last = estimate(LARGE, [load(method=LoRA())], HOW).modules
    assert few - last == 4 * (one - last) and more - last == 10 * (one - last)


def test_a_refusal_says_what_was_shared_out():
    with pytest.raises(DoesNotFit, match=r"--memory 4.0 GB, 512 MB for each of 8 workers: one example of"):
        choose(LARGE, [load()], 128, 512 * 2**20, HOW, "cuda", workers=8)
