"""Mining equals a plain quadratic reference, ties included, however the blocks fall."""

import itertools

import numpy as np
import pytest
import torch

from xadapt.examples import Pairing, Passage
from xadapt.recipe import Recipe
from xadapt.task_types import mining, neighbours, task_type
from xadapt.task_types.items import Item, Tokens
from xadapt.task_types.neighbours import both_ways, mine


def plain(x: torch.Tensor, y: torch.Tensor, k: int) -> list[tuple[int, int, float]]:
    """All of it with loops: neighbours, margins, candidates of both sides, one to one."""
    products = [[float(a @ b) for b in y] for a in x]
    near_x = [sorted(range(len(y)), key=lambda j: (-row[j], j))[:k] for row in products]
    near_y = [sorted(range(len(x)), key=lambda i: (-products[i][j], i))[:k] for j in range(len(y))]
    mean_x = [float(np.mean([products[i][j] for j in near])) for i, near in enumerate(near_x)]
    mean_y = [float(np.mean([products[i][j] for i in near])) for j, near in enumerate(near_y)]

    def margin(i: int, j: int) -> float:
        return products[i][j] / ((mean_x[i] + mean_y[j]) / 2)

    candidates = {(i, max(near, key=lambda j: margin(i, j))) for i, near in enumerate(near_x)}
    candidates |= {(max(near, key=lambda i: margin(i, j)), j) for j, near in enumerate(near_y)}
    found: list[tuple[int, int, float]] = []
    for i, j in sorted(candidates, key=lambda pair: (-margin(*pair), pair)):
        if margin(i, j) > 0 and i not in [f[0] for f in found] and j not in [f[1] for f in found]:
            found.append((i, j, margin(i, j)))
    return found


def exact(seed: int, n: int, m: int, values: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Small whole numbers: products are exact in any order of sums, and many are equal."""
    random = np.random.default_rng(seed)
    return tuple(  # type: ignore[return-value]
        torch.from_numpy(random.integers(1, values + 1, (size, 3)).astype(np.float32)) for size in (n, m)
    )


@pytest.mark.parametrize(("n", "m"), [(13, 9), (9, 13), (1, 5), (5, 1), (3, 3), (1, 1)])
@pytest.mark.parametrize(("block", "values"), list(itertools.product((1, 2, 4, 100), (1, 2, 9))))
def test_blocks_give_what_the_plain_way_gives(
    n: int, m: int, block: int, values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", block)
    for seed in range(5):
        x, y = exact(seed, n, m, values)
        assert [tuple(pair) for pair in mine(x, y, 4)] == plain(x, y, 4)


def test_real_vectors_give_the_same_pairs_however_they_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    random = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 16, generator=random), torch.randn(45, 16, generator=random)
    y[:20] = x[:20] + 0.1 * torch.randn(20, 16, generator=random)
    x, y = torch.nn.functional.normalize(x), torch.nn.functional.normalize(y)
    expected = plain(x, y, 4)
    for block in (7, 16, 2048):
        monkeypatch.setattr(neighbours, "BLOCK", block)
        found = mine(x, y, 4)
        assert [pair[:2] for pair in found] == [pair[:2] for pair in expected]
        assert [pair[2] for pair in found] == pytest.approx([pair[2] for pair in expected], rel=1e-5)
    assert {(i, i) for i in range(20)} <= {pair[:2] for pair in found}


def test_neighbours_are_ordered_by_value_then_place_also_below_zero() -> None:
    x = torch.tensor([[1.0]])
    y = torch.tensor([[-2.0], [3.0], [-0.0], [0.0], [3.0], [-5.0]])
    forward, backward = both_ways(x, y, 6)
    assert forward.indices.tolist() == [[1, 4, 2, 3, 0, 5]]
    assert forward.values.tolist() == [[3, 3, 0, 0, -2, -5]]
    assert backward.indices.tolist() == [[0]] * 6
    assert backward.values[:, 0].tolist() == y[:, 0].tolist()


def test_scores_of_zero_are_left_out() -> None:
    x, y = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert [pair[:2] for pair in mine(x, y, 1)] == [(0, 0)]
    assert mine(x, torch.zeros(3, 2), 4) == [] == mine(x, y[:0], 4)


def passages() -> list[Passage]:
    said = {"q1": "eins", "q2": "zwei", "q3": "eins", "q4": "vier"}
    found = {"c1": "two", "c2": "one", "c3": "two", "c4": "one"}
    queries = [Passage(name, text, "query") for name, text in said.items()]
    return [*queries, *(Passage(name, text, "candidate") for name, text in found.items())]


def test_a_repeated_sentence_is_mined_once_and_stands_for_all_its_ids() -> None:
    # eins, zwei, vier; two, one
    vectors = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=np.float16)
    items = [Item(number, (np.zeros(1, np.int32),)) for number in range(5)]
    found = mining.decode(list(vectors), items, passages(), ())
    one, two = [each and each["targets"] for each in found[:2]]
    assert one == ["c2", "c4"] and two == ["c1", "c3"]
    assert found[2] == found[0] and found[3] is None
    assert found[0] is not None and found[0]["score"] == pytest.approx(1 / ((1 / 2 + 1 / 3) / 2))


def test_vectors_kept_in_half_the_memory_give_the_pairs_and_margins_of_the_whole_ones() -> None:
    random = torch.Generator().manual_seed(1)
    common = torch.randn(1, 256, generator=random)
    # As hidden states are: near each other, with a few dimensions far larger than the rest.
    common[:, :2] *= 30
    x = common + 0.6 * torch.randn(400, 256, generator=random)
    y = torch.cat([x[:250] + 0.2 * torch.randn(250, 256, generator=random), common + x[:50].flip(1)])
    x, y = torch.nn.functional.normalize(x), torch.nn.functional.normalize(y)
    whole, half = mine(x, y, 4), mine(x.half(), y.half(), 4)
    assert {(i, i) for i in range(250)} <= {pair[:2] for pair in whole}
    assert {pair[:2] for pair in whole if pair.score > 1.0005} == {
        pair[:2] for pair in half if pair.score > 1.0005
    }
    margins = {pair[:2]: pair.score for pair in whole}
    shared = [(margins[pair[:2]], pair.score) for pair in half if pair[:2] in margins]
    assert len(shared) > 0.97 * len(whole)
    assert max(abs(one - other) for one, other in shared) < 2e-4


def test_a_sentence_is_kept_as_a_unit_vector_in_half_precision() -> None:
    hidden = torch.arange(1.0, 25.0).view(6, 4) * 1e5
    items = [Item(number, (Tokens(np.zeros(size, np.int32)),)) for number, size in enumerate((2, 4))]
    batch = mining.batch(items, np.random.default_rng(0), Recipe())
    found = mining.outputs(None, hidden, batch, Recipe(pooling="mean"))
    expected = torch.nn.functional.normalize(torch.stack([hidden[:2].mean(0), hidden[2:].mean(0)]))
    assert [vector.dtype for vector in found] == [np.float16] * 2
    assert np.allclose(np.stack(found), expected, atol=3e-4)


@pytest.mark.parametrize("kind", ["mining", "retrieval", "ranking"])
def test_a_search_runs_where_the_model_does(kind: str) -> None:
    """On a device without numbers it comes to nothing, so that nowhere else was searched."""
    search = [Passage("q", "a", "query"), Passage("c", "b", "candidate")]
    examples = [Pairing("1", "a", "b")] if kind == "retrieval" else search
    vectors = [np.eye(3, dtype=np.float16 if kind == "mining" else np.float32)[0]] * 2
    with torch.device("meta"), pytest.raises((NotImplementedError, RuntimeError)):
        task_type(kind).decode(vectors, [], examples, ())
    assert len(task_type(kind).decode(vectors, [], examples, ())) == 1
