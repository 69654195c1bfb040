"""A dual encoder: what its batches hold, its loss by hand, exact neighbours, its head on disk."""

from pathlib import Path

import numpy as np
import pytest
import torch

from xadapt.errors import DataError
from xadapt.examples import Passage
from xadapt.modeling import head_format
from xadapt.modeling.encoder import no_dropout
from xadapt.modeling.heads import CosineHead
from xadapt.modeling.pretrained import train_tokenizer
from xadapt.recipe import Recipe
from xadapt.task_types import encode_training, neighbours, ranking, task_type

TEXTS = ["the cat sat", "a dog ran in Oslo", "who sat?", "where did a dog run?"]
TOKENIZER = train_tokenizer(TEXTS * 20, 60)
RANDOM = np.random.default_rng(0)
SEARCH = [
    Passage("c0", TEXTS[0], "candidate", pair="the cat sat on a mat"),
    Passage("c1", TEXTS[1], "candidate"),
    Passage("c2", "a cat sat", "candidate"),
    Passage("q0", TEXTS[2], "query", ("c0", "c2")),
    Passage("q1", TEXTS[3], "query", ("c1",)),
]


def test_a_passage_is_one_item_and_a_training_item_a_query_with_one_answer() -> None:
    items = ranking.encode(SEARCH, TOKENIZER, Recipe(), ())
    assert [item.example for item in items] == [0, 1, 2, 3, 4]
    assert all(len(item.sequences) == 1 and item.target is None for item in items)
    assert items[0].tokens > items[2].tokens, "a candidate is read with the passage around it"
    pairs = encode_training(task_type("ranking"), SEARCH, TOKENIZER, Recipe(), ())
    assert [(pair.example, pair.target[0]) for pair in pairs] == [(3, "c0"), (3, "c2"), (4, "c1")]
    for pair, candidate in zip(pairs, (0, 2, 1), strict=True):
        assert np.array_equal(pair.sequences[0].ids, items[pair.example].sequences[0].ids)
        assert np.array_equal(pair.sequences[1].ids, items[candidate].sequences[0].ids)


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ([Passage("q", "a", "query", ("nowhere",))], "query 'q': 'nowhere' is no candidate"),
        (SEARCH[:3], "no query has a candidate that answers it"),
    ],
)
def test_a_training_without_pairs_is_refused(search: list[Passage], said: str) -> None:
    with pytest.raises(DataError, match=f"^{said}$"):
        encode_training(task_type("ranking"), search, TOKENIZER, Recipe(), ())


def loss(queries: list[list[float]], candidates: list[list[float]], answers: list[list[bool]]) -> float:
    """The loss of one-token sequences whose hidden states are given."""
    batch = ranking.batch(ranking.encode(SEARCH[:1], TOKENIZER, Recipe(), ()), RANDOM, Recipe())
    batch.lengths = (1,) * (2 * len(queries))
    batch.targets["answers"] = torch.tensor(answers)
    rows = [row for pair in zip(queries, candidates, strict=True) for row in pair]
    return ranking.loss(CosineHead(2.0), torch.tensor(rows), batch, Recipe(), no_dropout).item()


def test_the_loss_is_a_softmax_over_cosines_of_the_batch() -> None:
    # Cosines of the two queries with the two candidates: [[1, 0], [0.6, 0.8]]; lengths do not count.
    queries, candidates = [[3.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.0, 5.0]]
    own = [np.log(np.exp(2 * 1) + np.exp(0)) - 2 * 1, np.log(np.exp(2 * 0.6) + np.exp(2 * 0.8)) - 2 * 0.8]
    apart = [[False, False], [False, False]]
    assert loss(queries, candidates, apart) == pytest.approx(np.mean(own))
    # The first candidate also answers the second query: no negative is left there.
    assert loss(queries, candidates, [[False, False], [True, False]]) == pytest.approx(own[0] / 2)


def test_another_answer_of_the_same_query_is_no_negative() -> None:
    pairs = encode_training(task_type("ranking"), SEARCH, TOKENIZER, Recipe(), ())
    answers = ranking.batch([*pairs, pairs[0]], RANDOM, Recipe()).targets["answers"].int().tolist()
    assert answers == [[0, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]]


def test_vectors_have_length_one_and_do_not_depend_on_what_is_beside_them() -> None:
    items = ranking.encode(SEARCH, TOKENIZER, Recipe(), ())

    def vectors(chosen: list) -> list[np.ndarray]:
        batch = ranking.batch(chosen, RANDOM, Recipe())
        hidden = torch.sin(batch.ids.float()[:, None] * torch.arange(1, 6))
        return ranking.outputs(CosineHead(1.0), hidden, batch, Recipe(pooling="mean"))

    together = vectors(items)
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0)
    assert np.allclose(np.concatenate([vectors([item]) for item in items]), together, atol=1e-6)


@pytest.mark.parametrize("size", [1, 19, 20, 21, 300])
def test_neighbours_are_those_of_the_whole_product(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 7)
    random = np.random.default_rng(size)
    # Whole numbers, so that many products are equal: of those the first candidate is the better one.
    vectors = random.integers(-2, 3, (30 + size, 4)).astype(np.float32)
    queries = [Passage(f"q{n}", "", "query") for n in range(30)]
    search = [*queries, *(Passage(f"c{n}", "", "candidate") for n in range(size))]
    found = ranking.decode(list(vectors), [], search, ())
    order = np.argsort(-(vectors[:30] @ vectors[30:].T), axis=1, kind="stable")[:, :20]
    assert found == [[f"c{number}" for number in row] for row in order]


def test_a_head_comes_back_with_its_scale(tmp_path: Path) -> None:
    from ..modeling.test_formats import ABOUT, config

    head = CosineHead(100.0)
    with torch.no_grad():
        head.scale.fill_(87.5)
    head_format.save_head(tmp_path, head, "ranking", ABOUT, config())
    again = CosineHead(100.0)
    head_format.load_head(tmp_path, again, "ranking", ())
    assert again.scale.item() == 87.5
