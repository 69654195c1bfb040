"""Which examples form a step, and the learning rate."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from xadapt.recipe import Recipe
from xadapt.training.batches import Schedule, by_tokens, stream
from xadapt.training.streams import Stream, side_by_side


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 3))
def test_each_epoch_shows_every_item_once(size, batch, epochs):
    schedule = Schedule("t", size, Recipe(batch=batch, epochs=epochs), seed=1)
    shown = [index for step in range(schedule.steps) for index in schedule.indices(step)]
    assert len(shown) == size * epochs
    for epoch in range(epochs):
        assert sorted(shown[epoch * size : (epoch + 1) * size]) == list(range(size))


def test_a_step_depends_on_seed_task_and_number_alone():
    first = Schedule("t", 50, Recipe(batch=8, steps=20), seed=1)
    assert first.indices(13) == Schedule("t", 50, Recipe(batch=8, steps=99), seed=1).indices(13)
    assert first.indices(13) != Schedule("u", 50, Recipe(batch=8, steps=20), seed=1).indices(13)
    assert first.indices(13) != Schedule("t", 50, Recipe(batch=8, steps=20), seed=2).indices(13)
    assert first.random(3).integers(1 << 60) == first.random(3).integers(1 << 60)


def test_the_rate_rises_to_lr_then_falls_to_zero():
    schedule = Schedule("t", 100, Recipe(batch=1, steps=100, warmup=0.1, lr=2.0), seed=1)
    rates = [schedule.lr(step) for step in range(100)]
    assert np.isclose(rates[0], 0.2) and np.isclose(max(rates), 2.0) and rates.index(max(rates)) == 9
    assert np.isclose(rates[99], 2.0 / 90)
    counted = Schedule("t", 100, Recipe(batch=1, steps=100, warmup=10.0, lr=2.0), seed=1)
    assert [counted.lr(step) for step in range(100)] == rates, "from 1 on it is a number of steps"


@given(st.lists(st.integers(1, 90), max_size=60), st.integers(1, 120))
def test_token_batches_hold_each_item_once_within_the_budget(sizes, budget):
    batches = by_tokens(sizes, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(sizes)))
    assert all(len(batch) == 1 or sum(sizes[i] for i in batch) <= budget for batch in batches)


def test_dropout_of_a_task_is_the_same_beside_others():
    cpu = torch.device("cpu")
    x, y = torch.ones(5, 64), torch.ones(3, 64)
    beside = side_by_side([Stream.at(0.5, 1, "a", 3, cpu), Stream.at(0.1, 1, "b", 3, cpu)], [5, 3])
    both = [beside(torch.cat([x, y])) for _ in range(2)]
    alone = Stream.at(0.5, 1, "a", 3, cpu)
    assert torch.equal(both[0][:5], alone(x)) and torch.equal(both[1][:5], alone(x))
    assert not torch.equal(both[0], both[1])
    assert set(both[0][:5].unique().tolist()) == {0.0, 2.0}
    assert stream("a", 1) != stream("a", 2)
