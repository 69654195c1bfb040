"""Each rule of the official scorers, by hand."""

import numpy as np
import pytest

from xadapt.metrics import interval, metric, metrics, summary
from xadapt.metrics.chunk_f1 import chunks
from xadapt.metrics.squad import f1, normalised


def test_accuracy():
    assert summary("accuracy", metric("accuracy").items(["a", "b", "a"], ["a", "a", "a"])) == {
        "accuracy": pytest.approx(200 / 3)
    }


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("B-PER I-PER O B-LOC", [("PER", 0, 1), ("LOC", 3, 3)]),
        ("I-PER I-PER", [("PER", 0, 1)]),
        ("B-PER B-PER", [("PER", 0, 0), ("PER", 1, 1)]),
        ("B-PER I-LOC", [("PER", 0, 0), ("LOC", 1, 1)]),
        ("O O", []),
        # Bare tags as seqeval 0.0.12 reads them: equal neighbours merge, but those that start with S do not.
        ("NOUN NOUN VERB", [("NOUN", 0, 1), ("VERB", 2, 2)]),
        ("SCONJ SCONJ", [("SCONJ", 0, 0), ("SCONJ", 1, 1)]),
        ("CCONJ SCONJ", [("CCONJ", 0, 0), ("SCONJ", 1, 1)]),
        ("X X", [("X", 0, 1)]),
    ],
)
def test_chunks(tags, found):
    assert list(chunks(tags.split())) == found


def test_chunk_f1_counts_chunks_not_words():
    gold, predicted = ["B-PER I-PER O B-LOC".split()], ["B-PER O O B-LOC".split()]
    found = summary("chunk_f1", metric("chunk_f1").items(gold, predicted))
    assert found == {"f1": 50.0, "precision": 50.0, "recall": 50.0, "word_accuracy": 75.0}
    confused = summary("chunk_f1", metric("chunk_f1").items([["CCONJ"]], [["SCONJ"]]))
    assert confused["f1"] == 0.0, "later seqeval versions take these two for one class"
    with pytest.raises(ValueError, match="argument"):
        metric("chunk_f1").items([["O", "O"]], [["O"]])


def test_squad_normalises_english_only():
    assert normalised("The  Quick, brown-fox a!") == "quick brownfox"
    assert normalised("der Hund") == "der hund"
    assert f1("a b c d", "b c x") == pytest.approx(2 * (2 / 3) * (2 / 3) / (4 / 3))
    assert f1("x x y", "x y y") == pytest.approx(2 / 3)


def test_squad_takes_the_best_gold_answer_and_missing_ids_score_nothing():
    rows = metric("squad").items([("Paris", "the city"), ("Rome",), ()], ["city", None, ""])
    assert rows == [(1.0, 1.0, 1.0), (0.0, 0.0, 1.0), (1.0, 1.0, 1.0)]
    found = summary("squad", rows)
    assert list(found) == ["em_f1", "exact_match", "f1"] and found["em_f1"] == pytest.approx(200 / 3)


def test_every_metric_adds_up_and_names_its_main_value_first():
    gold = {"accuracy": ["a", "b"], "squad": [("a",), ("b c",)], "chunk_f1": [["B-X"], ["O", "B-X"]]}
    mine = {"accuracy": ["a", "a"], "squad": ["a", "b"], "chunk_f1": [["B-X"], ["B-X", "O"]]}
    gold |= {"accuracy_f1": ["1", "0"], "squad_v2": [("a",), ()], "token_accuracy": [["X"], ["O", "X"]]}
    mine |= {"accuracy_f1": ["1", "1"], "squad_v2": ["b", ""], "token_accuracy": [["X"], ["X", "O"]]}
    gold["mlqa"], mine["mlqa"] = gold["squad"], mine["squad"]
    gold["bitext_f1"], mine["bitext_f1"] = [("a",), ()], [{"targets": ["a"], "score": 1.0}, None]
    gold |= {"map20": [("a",), ("b",)], "mrr20": [("a",), ("b",)]}
    mine |= {"map20": [["x", "a"], ["b"]], "mrr20": [["x", "a"], ["b"]]}
    assert set(gold) == set(metrics())
    for name in metrics():
        rows = np.array(metric(name).items(gold[name], mine[name]))
        both = metric(name).scores(np.stack([rows.sum(0), rows.sum(0)]))
        assert all(value.shape == (2,) for value in both.values())
        assert summary(name, rows.tolist())[next(iter(both))] == pytest.approx(both[next(iter(both))][0])
    with pytest.raises(ValueError, match="no items"):
        summary("accuracy", [])


def rows(share: float, n: int = 400, seed: int = 0) -> np.ndarray:
    right = np.random.default_rng(seed).random(n) < share
    return np.stack([right, np.ones(n)], 1).astype(float)


def test_interval_holds_the_mean_and_narrows_with_items():
    scores = metric("accuracy").scores
    mean, low, high = interval.interval([{"en": rows(0.7)}], scores)
    assert 58 < low < mean < high < 75
    wide = interval.interval([{"en": rows(0.7, 50)}], scores)
    assert wide[2] - wide[1] > 1.5 * (high - low)
    assert interval.interval([{"en": rows(0.7)}], scores) == (mean, low, high)


def test_a_paired_difference_is_sharper_than_two_intervals():
    scores = metric("accuracy").scores
    first = rows(0.7)
    second = first.copy()
    second[:20, 0] = 0.0
    mean, low, high = interval.difference([{"en": first}], [{"en": second}], scores)
    assert mean == pytest.approx(100 * first[:20, 0].sum() / 400) and low > 0
    alone = interval.interval([{"en": first}], scores)
    assert high - low < alone[2] - alone[1]
    same = interval.difference([{"en": first}], [{"en": first}], scores)
    assert same == (0.0, 0.0, 0.0)


def test_languages_are_averaged_after_scoring():
    scores = metric("accuracy").scores
    mean, *_ = interval.interval([{"en": np.array([[1.0, 1.0]]), "de": np.array([[0.0, 1.0]] * 9)}], scores)
    assert mean == 50.0
    with pytest.raises(ValueError, match="other items"):
        interval.difference([{"en": rows(0.5)}], [{"en": rows(0.5, 399)}], scores)
