"""What word forms alone give away of the labels, with the interval of each share (95 %).

The bounds are of this world as it is, a little above what was measured: where one
is above chance, a score that claims to be understanding must be above it too.
"""

from collections import Counter
from itertools import pairwise
from math import sqrt
from typing import cast

import numpy as np
import pytest

from tests.toyworld.said import Row, rows, words
from xadapt import baselines
from xadapt.examples import Scored, gold
from xadapt.tasks import task

HALF = 1500
PAIRS = {
    "xnli": ("premise", "hypothesis"),
    "paws-x": ("sentence1", "sentence2"),
    "qqp": ("question1", "question2"),
}
TASKS = {"xnli": "xnli", "paws-x": "pawsx", "qqp": "qqp", "hellaswag": "hellaswag"}
CHOICES = {"anli": 3, "snli": 3, "mnli": 3, "xnli": 3, "qqp": 2, "paws-x": 2, "hellaswag": 4, "cosmos_qa": 4}
CHOICES |= {"commonsense_qa": 5, "social_i_qa": 3, "copa": 2, "xcopa": 2}


def upper(right: list[bool]) -> float:
    """The upper end of the interval of a share."""
    share = sum(right) / len(right)
    return share + 1.96 * sqrt(share * (1 - share) / len(right))


def bags(texts: list[str]) -> np.ndarray:
    """Which words and neighbours of words each text has, and how many; those that five texts share."""
    said = [words(text) for text in texts]
    each = [{*w, *pairwise(w), f"{len(w)} words"} for w in said]
    common = [form for form, times in Counter(form for found in each for form in found).items() if times >= 5]
    place = {form: number for number, form in enumerate(common)}
    found = np.zeros((len(texts), len(place) + 1), dtype=np.float32)
    found[:, -1] = 1.0
    for row, forms in zip(found, each, strict=True):
        row[[place[form] for form in forms if form in place]] = 1.0
    return found


def regressed(x: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Multinomial logistic regression with a little decay, in full batches."""
    weights = np.zeros((x.shape[1], labels.max() + 1), dtype=np.float32)
    wanted, scale = np.eye(labels.max() + 1, dtype=np.float32)[labels], np.sqrt(x.mean(0))[:, None] + 0.05
    for _ in range(100):
        raised = np.exp(x @ weights)
        weights -= (
            0.6 * x.T @ (raised / raised.sum(1, keepdims=True) - wanted) / len(x) / scale + 2e-3 * weights
        )
    guessed: np.ndarray = (asked @ weights).argmax(1)
    return guessed


def from_one_sentence(found: list[Row], column: str) -> list[bool]:
    """Learned on half of the rows, asked of the other half: from the same side of the partition, so that
    even what is peculiar to its names is a help."""
    x, labels = bags([row[column] for row in found]), np.array([row["label"] for row in found])
    return list(regressed(x[:HALF], labels[:HALF], x[HALF:]) == labels[HALF:])


@pytest.mark.parametrize("language", ["en", "qac"])
@pytest.mark.parametrize(
    ("name", "place", "bound"),
    [
        pytest.param("xnli", 1, 0.38, id="hypothesis"),
        pytest.param("xnli", 0, 0.38, id="premise"),
        pytest.param("paws-x", 1, 0.55, id="second paraphrase"),
        pytest.param("paws-x", 0, 0.57, id="first paraphrase"),
        pytest.param("qqp", 1, 0.55, id="second question"),
        pytest.param("qqp", 0, 0.55, id="first question"),
    ],
)
def test_one_sentence_tells_little(name: str, place: int, bound: float, language: str) -> None:
    found = rows(name, language, "test", 2 * HALF)
    assert upper(from_one_sentence(found, PAIRS[name][place])) < bound


def test_the_regression_finds_a_cue_where_there_is_one() -> None:
    """A word added to the hypotheses of one label must be found."""
    found = rows("xnli", "en", "test", 2 * HALF)
    marked = [{**row, "hypothesis": row["hypothesis"] + " so" * (row["label"] == 2)} for row in found]
    assert upper(from_one_sentence(marked, "hypothesis")) > 0.6


@pytest.mark.parametrize(
    ("name", "language", "bound"),
    [
        ("xnli", "en", 0.46),
        ("xnli", "qac", 0.44),
        ("paws-x", "en", 0.65),
        ("paws-x", "qad", 0.69),
        ("qqp", "en", 0.53),
        ("qqp", "qad", 0.53),
        ("qqp", "qac", 0.53),
        ("hellaswag", "en", 0.29),
        ("hellaswag", "qac", 0.29),
    ],
)
def test_shared_words_tell_little(name: str, language: str, bound: float) -> None:
    """The baseline that reports show, which learns from English; it sees letters and order besides words."""
    what = task(TASKS[name])
    assert what.read
    train, test = (
        [what.read(row, str(number)) for number, row in enumerate(found)]
        for found in (rows(name, "en", "train", HALF), rows(name, language, "test", 2 * HALF))
    )
    predicted, right = baselines.predict(what.type, train, test, 0), gold(cast(list[Scored], test))
    assert upper([mine == each for mine, each in zip(predicted, right, strict=True)]) < bound


@pytest.mark.parametrize("language", ["en", "qaa", "qad"])
def test_the_number_of_shared_words_says_nothing_about_a_paraphrase(language: str) -> None:
    """Not in languages with case endings, where who gives and who receives is in the words."""
    counted: dict[tuple[int, int], Counter[int]] = {}
    for row in rows("paws-x", language, "test", 2 * HALF):
        first, second = (set(words(row[column])) for column in PAIRS["paws-x"])
        counted.setdefault((len(first - second), len(second - first)), Counter())[row["label"]] += 1
    best = sum(max(labels.values()) for labels in counted.values())
    assert best / (2 * HALF) < 0.53


@pytest.mark.parametrize("name", CHOICES)
def test_labels_are_balanced(name: str) -> None:
    found = rows(name, "en")
    column = "answerKey" if name == "commonsense_qa" else "label"
    counts, share = Counter(row[column] for row in found), 1 / CHOICES[name]
    assert len(counts) == CHOICES[name]
    width = 4 * sqrt(len(found) * share * (1 - share))
    assert all(abs(times - len(found) * share) < width for times in counts.values())
