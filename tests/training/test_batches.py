"""Which examples form a step, and the learning rate."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xadapt.recipe import Recipe
from xadapt.training.batches import Schedule, _order, by_tokens, stream
from xadapt.training.streams import Masks, Share, Stream, side_by_side


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 3))
def test_each_epoch_shows_every_item_once(size, batch, epochs):
    schedule = Schedule("t", size, Recipe(batch=batch, epochs=epochs), seed=1)
    shown = [index for step in range(schedule.steps) for index in schedule.indices(step)]
    assert len(shown) == size * epochs
    for epoch in range(epochs):
        assert sorted(shown[epoch * size : (epoch + 1) * size]) == list(range(size))


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 3))
def test_a_part_of_a_mixture_goes_on_beyond_its_epochs(size, batch, epochs):
    schedule = Schedule("t", size, Recipe(batch=batch, epochs=epochs), seed=1)
    for step in range(schedule.steps, 2 * schedule.steps + 2):
        assert schedule.indices(step) == Schedule("t", size, Recipe(batch=batch, steps=99), 1).indices(step)
        assert len(schedule.indices(step)) == batch


def test_an_order_that_is_kept_takes_four_bytes_an_item():
    kept = _order("t", 1000, 1, 0)
    assert kept.nbytes == 4000 and _order("t", 1000, 1, 0) is kept
    assert all(type(index) is int for index in Schedule("t", 1000, Recipe(batch=3), 1).indices(7))


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


@pytest.mark.parametrize("width", [1, 7, 8, 13, 64])
def test_passes_take_their_rows_of_the_masks_of_the_whole_step(width):
    """Two masks of different sizes, drawn by the first pass; each pass may draw its own again."""
    cpu, whole = torch.device("cpu"), Stream.at(0.4, 1, "a", 3, torch.device("cpu"))
    x, y = torch.ones(9, width), torch.ones(3, 2 * width)
    expected = whole(x), whole(y, 0.7)
    masks = Masks(Stream.at(0.4, 1, "a", 3, cpu))
    for first, size, row in ((0, 4, 0), (4, 2, 1), (6, 3, 2)):
        share = Share.of(masks, {size: (first, 9), 1: (row, 3)})
        mark = share.mark()
        for _ in range(2):
            share.back(mark)
            assert torch.equal(share(x[:size]), expected[0][first : first + size])
            assert torch.equal(share(y[:1], 0.7), expected[1][row : row + 1])
    assert torch.equal(masks.stream(x), whole(x)), "what comes behind all of them"
