"""Lengths before data are read."""

import pytest

from xadapt.forecast.lengths import Length, length
from xadapt.task_types.span import _windows
from xadapt.tasks import tasks


@pytest.mark.parametrize("context", [10, 100, 101, 150, 399, 1000])
def test_windows_are_those_that_training_makes(context):
    question, max_length, stride = 20, 120, 64
    found, tokens = Length(1, (question + context,), question, 1.0).windows(max_length, stride)
    made = _windows(context, max_length - question, stride)
    assert found == len(made)
    assert tokens == sum(stop - start + question for start, stop in made)


def test_what_is_cut_counts_up_to_the_limit():
    assert Length(2, (10, 30), 0, 1.0).cut(20) == 2 * 15
    assert Length(2, (10, 30), 0, 1.0).cut(500) == 2 * 20


@pytest.mark.parametrize("what", tasks().values(), ids=lambda what: what.name)
def test_every_task_has_a_length_in_both_worlds(what):
    for world in ("toyworld", "real"):
        for split in ("train", "test"):
            found = length(world, what.name, split, what.type)
            assert found.cut(512) > 2 and found.bytes > 20
            assert list(found.tokens) == sorted(found.tokens)


def test_of_a_task_without_a_slice_the_usual_of_its_type_is_marked():
    assert length("real", "mewslix", "test", "ranking").assumed
    assert not length("real", "squad", "train", "span").assumed
