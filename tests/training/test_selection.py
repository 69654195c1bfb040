"""Selection: where snapshots are, what is kept of them, side by side as apart, and after a kill."""

from dataclasses import replace

import pytest
import torch

from xadapt.recipe import Recipe
from xadapt.training.selection import points

from .small import make, result

STEPS = 7


def test_snapshots_are_equally_spaced_and_end_with_the_last_step():
    recipe = Recipe(select="average", snapshots=4)
    assert points(recipe, 100) == (25, 50, 75, 100)
    assert points(recipe, 10) == (3, 5, 8, 10)
    assert points(recipe, 3) == (1, 2, 3), "fewer steps than snapshots: one after every step"
    assert points(replace(recipe, select="last"), 100) == ()


def weights(loop, number):
    return {name: weight.clone() for name, weight in result(loop, number).items()}


def watched(loop, number, taken):
    """Make a loop note the weights at its points."""
    after = loop.selection.after

    def note(step):
        after(step)
        if step in loop.selection.points[number]:
            taken.append(weights(loop, number))

    loop.selection.after = note
    return loop


@pytest.mark.parametrize("kind", ["classification", "span"])
def test_average_is_the_mean_of_the_snapshots(kind, encoder, tokenizer, tmp_path):
    taken: list = []
    change = {"select": "average", "snapshots": 3, "steps": STEPS}
    loop = watched(make([kind], encoder, tokenizer, tmp_path, **change), 0, taken)
    loop.run()
    assert len(taken) == 3
    for name, found in result(loop, 0).items():
        mean = torch.stack([each[name] for each in taken]).double().mean(0)
        assert torch.allclose(found.double(), mean, atol=1e-6), name
    assert any(not torch.equal(w, taken[-1][name]) for name, w in result(loop, 0).items())


def test_dev_keeps_the_best_and_of_equals_the_first(encoder, tokenizer, tmp_path):
    scores = iter([10.0, 30.0, 30.0, 20.0])
    taken: list = []
    change = {"select": "dev", "snapshots": 4, "steps": STEPS}
    loop = make(["tagging"], encoder, tokenizer, tmp_path, measures={0: lambda: next(scores)}, **change)
    watched(loop, 0, taken).run()
    assert loop.jobs[0].dev == [(2, 10.0), (4, 30.0), (6, 30.0), (7, 20.0)]
    assert all(torch.equal(w, taken[1][name]) for name, w in result(loop, 0).items())
    assert any(not torch.equal(w, taken[2][name]) for name, w in result(loop, 0).items())


def test_an_oracle_keeps_every_snapshot_and_ends_with_the_last(encoder, tokenizer, tmp_path):
    taken: list = []
    loop = make(["choice"], encoder, tokenizer, tmp_path, select="oracle", snapshots=3, steps=STEPS)
    watched(loop, 0, taken).run()
    assert all(torch.equal(w, taken[-1][name]) for name, w in result(loop, 0).items())
    for place, expected in enumerate(taken):
        loop.selection.put(0, place)
        assert all(torch.equal(w, expected[name]) for name, w in result(loop, 0).items())


def test_jobs_that_select_side_by_side_equal_each_apart(encoder, tokenizer, tmp_path):
    """Other steps, so other points; what one selects leaves the other alone."""
    kinds = ["classification", "tagging"]
    for select in ("average", "dev"):
        change = {"select": select, "snapshots": 3}
        fixed = {0: iter([1.0, 3.0, 2.0]), 1: iter([3.0, 1.0, 2.0])}
        measures = {number: lambda own=own: next(own) for number, own in fixed.items()}
        together = make(kinds, encoder, tokenizer, tmp_path / select, measures=measures, **change)
        together.run()
        assert together.selection.points[0] != together.selection.points[1]
        for number, kind in enumerate(kinds):
            own = iter([1.0, 3.0, 2.0] if number == 0 else [3.0, 1.0, 2.0])
            apart = make(
                [kind], encoder, tokenizer, tmp_path / f"{select}{kind}",
                measures={0: lambda own=own: next(own)}, **change,
            )  # fmt: skip
            before = weights(apart, 0)
            apart.run()
            assert apart.jobs[0].dev == together.jobs[number].dev
            for name, expected in result(apart, 0).items():
                moved = (expected - before[name]).abs().max()
                found = result(together, number)[name]
                assert (found - expected).abs().max() < 1e-5 + 1e-2 * moved, (kind, name)


class Killed(Exception):
    pass


@pytest.mark.parametrize("select", ["average", "dev", "oracle"])
def test_a_killed_run_selects_bit_for_bit_the_same(select, encoder, tokenizer, tmp_path):
    kinds, change = ["classification", "tagging"], {"select": select, "snapshots": 4}
    scores = {2: 5.0, 3: 9.0, 5: 8.0, 6: 7.0, 7: 6.0, 9: 1.0, 12: 2.0}

    def loop(folder, seconds=1e9):
        made = make(kinds, encoder, tokenizer, folder, seconds, **change)
        at = {number: iter(made.selection.points[number]) for number in range(2)}
        made.selection.measures = {number: lambda own=own: scores[next(own)] for number, own in at.items()}
        return made, at

    whole, _ = loop(tmp_path / "whole")
    whole.run()
    for stop in (1, 6, 11):
        first, _ = loop(tmp_path / str(stop), -1)

        def die(step, stop=stop, **_):
            if step == stop + 1:
                raise Killed

        first.progress = die
        with pytest.raises(Killed):
            first.run()
        again, at = loop(tmp_path / str(stop))
        for number, due in enumerate(again.selection.points):
            for step in due:
                if step <= stop:
                    next(at[number])
        assert again.run() == stop
        for number in range(2):
            assert again.jobs[number].dev == whole.jobs[number].dev
            for name, expected in result(whole, number).items():
                assert torch.equal(result(again, number)[name], expected), (stop, name)
        for name, kept in whole.selection.kept.items():
            assert torch.equal(again.selection.kept[name], kept), (stop, name)
