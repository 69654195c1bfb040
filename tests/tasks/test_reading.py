"""How each task reads a row: by hand, what is wrong with bad ones, and real rows where there are any."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xadapt.examples import KINDS, Choice, Classification, Question
from xadapt.task import Task
from xadapt.tasks import task, tasks

REAL = Path(__file__).parents[3] / "shared" / "data"
ANSWERS = {"text": ["b"], "answer_start": [2]}
SQUAD = {"id": "q", "question": "?", "context": "a b", "answers": ANSWERS}
PAIR = {"premise": "p", "hypothesis": "h"}
ROWS: dict[str, dict[str, Any]] = {
    "mnli": {**PAIR, "label": 1},
    "xnli": {**PAIR, "label": "contradiction"},
    "pawsx": {"sentence1": "a", "sentence2": "b", "label": "1"},
    "squad": SQUAD,
    "xquad": SQUAD,
    "hellaswag": {"ctx_a": "A.", "ctx_b": "he", "endings": ["w", "x", "y", "z"], "label": "3"},
    "xcopa": {"premise": "p.", "choice1": "a", "choice2": "b", "question": "cause", "label": 1},
    "udpos": {"tokens": ["a", "b"], "pos_tags": ["NOUN", 15]},
    "panx": {"tokens": ["a", "b"], "ner_tags": [1, "O"]},
    "tatoeba": {"source_sentence": "a", "target_sentence": "b"},
    "text": {"text": "a"},
}


@pytest.mark.parametrize("name", sorted(tasks()))
def test_a_minimal_row_is_read_and_a_missing_column_is_named(name: str) -> None:
    what = task(name)
    assert isinstance(what.read(ROWS[name], "7"), KINDS[what.type])
    for column in set(ROWS[name]) - {"id"}:
        row = {key: value for key, value in ROWS[name].items() if key != column}
        with pytest.raises((KeyError, ValueError), match=column):
            what.read(row, "7")


def test_labels_go_by_name_or_by_the_documented_order() -> None:
    read = task("mnli").read
    for value, name in ((0, "entailment"), (1, "neutral"), (2, "contradiction"), ("neutral", "neutral")):
        assert read({**PAIR, "label": value}, "1") == Classification("1", "p", "h", name)
    assert task("udpos").read(ROWS["udpos"], "1").tags == ("NOUN", "VERB")  # type: ignore[union-attr]
    assert task("panx").read(ROWS["panx"], "1").tags == ("B-PER", "O")  # type: ignore[union-attr]


@pytest.mark.parametrize(("name", "empty"), [("mnli", -1), ("hellaswag", ""), ("pawsx", None), ("xcopa", -1)])
def test_rows_without_a_label_are_left_out(name: str, empty: object) -> None:
    assert task(name).read({**ROWS[name], "label": empty}, "1") is None


@pytest.mark.parametrize(
    ("name", "column", "value", "said"),
    [
        ("mnli", "premise", None, r"'premise': None is not text"),
        ("pawsx", "sentence2", 7, r"'sentence2': 7 is not text"),
        ("squad", "question", None, r"'question': None is not text"),
        ("hellaswag", "endings", ["a", "b", "c", None], r"'endings': None is not text"),
        ("xcopa", "choice1", None, r"'choice1': None is not text"),
        ("tatoeba", "source_sentence", None, r"'source_sentence': None is not text"),
        ("panx", "tokens", ["a", None], r"'tokens': None is not text"),
        ("mnli", "label", 3, r"'label': 3 is none of"),
        ("mnli", "label", True, r"'label': True is none of"),
        ("xnli", "label", "entails", r"'label': 'entails' is none of"),
        ("hellaswag", "label", "4", r"'label': '4'"),
        ("hellaswag", "endings", ["a"], r"'endings': 1 endings, expected 4"),
        ("xcopa", "question", "why", r"'question': 'why'"),
        ("udpos", "pos_tags", ["NOUN", "NOPE"], r"'pos_tags': 'NOPE'"),
        ("panx", "ner_tags", ["O"], r"'ner_tags': 1 tags for 2 tokens"),
        ("squad", "answers", {"text": ["z"], "answer_start": [0]}, r"'answers': 'z' is not at 0"),
    ],
)
def test_a_bad_value_is_named(name: str, column: str, value: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        task(name).read({**ROWS[name], column: value}, "1")


def test_contexts_are_put_together_as_the_benchmarks_do() -> None:
    assert task("hellaswag").read(ROWS["hellaswag"], "1") == Choice(
        "1", "A.", ("he w", "he x", "he y", "he z"), 3
    )
    assert task("xcopa").read(ROWS["xcopa"], "1") == Choice("1", "p. What was the cause?", ("a", "b"), 1)
    unanswerable = {**SQUAD, "answers": {"text": [], "answer_start": []}}
    assert task("squad").read(unanswerable, "1") == Question("q", "?", "a b", (), ())


def real_files(what: Task) -> Iterator[Path]:
    names = [source.local for source in (what.train, what.dev) if source]
    names += [what.test(language).local for language in what.languages if what.test]
    for name in dict.fromkeys(names):
        path = REAL / f"{name}.jsonl"
        if path.is_file():
            yield path


@pytest.mark.skipif(not REAL.is_dir(), reason="no real rows beside the repository")
@pytest.mark.parametrize("name", sorted(set(tasks()) - {"text"}))
def test_real_rows_are_read(name: str) -> None:
    what, files = task(name), 0
    for path in real_files(what):
        files += 1
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                example = what.read(json.loads(line), str(number))
                assert isinstance(example, KINDS[what.type]), f"{path}:{number}"
    assert files
