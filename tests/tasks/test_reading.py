"""How each task reads a row: by hand, what is wrong with bad ones, and real rows where there are any."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xadapt.examples import KINDS, Choice, Classification, Question
from xadapt.task import Dropped, Task, sources
from xadapt.tasks import task, tasks

READING = sorted(name for name, what in tasks().items() if what.read)
REAL = Path(__file__).parents[3] / "shared" / "data"
ANSWERS = {"text": ["b"], "answer_start": [2]}
SQUAD = {"id": "q", "question": "?", "context": "a b", "answers": ANSWERS}
PAIR = {"premise": "p", "hypothesis": "h"}
ROWS: dict[str, dict[str, Any]] = {
    "mnli": {**PAIR, "label": 1},
    "anli_plus": {**PAIR, "label": "neutral"},
    "qqp": {"question1": "a", "question2": "b", "label": "duplicate"},
    "squad_v2": SQUAD,
    "cosmos_qa": {
        "context": "A.",
        "question": "why?",
        **{f"answer{n}": f"a{n}" for n in range(4)},
        "label": 2,
    },
    "commonsense_qa": {
        "question": "why?",
        "choices": {"label": list("ABCDE"), "text": list("vwxyz")},
        "answerKey": "C",
    },
    "social_iqa": {
        "context": "A.",
        "question": "why?",
        **{f"answer{n}": n for n in "ABC"},
        "label": "3",
    },
    "copa": {"premise": "p.", "choice1": "a", "choice2": "b", "question": "effect", "label": 0},
    "ccg": {"tokens": ["a", "b"], "tags": ["NP/N", "N"]},
    "ccg_substitute": {"tokens": ["a", "b"], "pos_tags": ["NOUN", 15]},
    "xnli": {**PAIR, "label": "contradiction"},
    "pawsx": {"sentence1": "a", "sentence2": "b", "label": "1"},
    "squad": SQUAD,
    "xquad": SQUAD,
    "mlqa": SQUAD,
    "tydiqa": SQUAD,
    "hellaswag": {"ctx_a": "A.", "ctx_b": "he", "endings": ["w", "x", "y", "z"], "label": "3"},
    "xcopa": {"premise": "p.", "choice1": "a", "choice2": "b", "question": "cause", "label": 1},
    "udpos": {"tokens": ["a", "b"], "pos_tags": ["NOUN", 15]},
    "panx": {"tokens": ["a", "b"], "ner_tags": [1, "O"]},
    "tatoeba": {"source_sentence": "a", "target_sentence": "b"},
    "text": {"text": "a"},
}


@pytest.mark.parametrize("name", READING)
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


@pytest.mark.parametrize(
    ("name", "empty"),
    [
        *(("mnli", -1), ("hellaswag", ""), ("pawsx", None), ("xcopa", -1), ("anli_plus", -1), ("qqp", -1)),
        *(("cosmos_qa", -1), ("commonsense_qa", ""), ("social_iqa", ""), ("copa", -1)),
    ],
)
def test_rows_without_a_label_are_left_out(name: str, empty: object) -> None:
    column = "answerKey" if name == "commonsense_qa" else "label"
    assert task(name).read({**ROWS[name], column: empty}, "1") is None


@pytest.mark.parametrize("line", ["", " \n"])
def test_an_empty_line_of_text_is_dropped_with_its_reason(line: str) -> None:
    with pytest.raises(Dropped, match="empty line") as raised:
        task("text").read({"text": line}, "1")
    assert not raised.value.bad


@pytest.mark.parametrize("texts", [[], [""]])
def test_a_blind_question_has_no_label(texts: list[str]) -> None:
    row = {**SQUAD, "answers": {"text": texts, "answer_start": [0] * len(texts)}}
    assert task("squad").read(row, "1") is None
    there = Question("q", "?", "a b", (), ())
    assert task("squad_v2").read(row, "1") == (None if texts else there)


@pytest.mark.parametrize(("text", "start"), [("z", 0), ("b", 1), ("b", 9)])
@pytest.mark.parametrize("name", ["squad", "squad_v2"])
def test_an_answer_that_is_not_there_is_dropped_as_bad(name: str, text: str, start: int) -> None:
    with pytest.raises(Dropped, match=r"^answer not in the context$") as raised:
        task(name).read({**SQUAD, "answers": {"text": ["b", text], "answer_start": [2, start]}}, "1")
    assert raised.value.bad


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
        ("squad", "answers", {"text": ["b"], "answer_start": []}, r"'answers': 1 texts, 0 starts"),
        ("squad_v2", "answers", {"text": [7], "answer_start": [2]}, r"'answers': 7 is not text"),
        ("qqp", "question2", None, r"'question2': None is not text"),
        ("qqp", "label", 2, r"'label': 2 is none of not_duplicate, duplicate"),
        ("hellaswag", "label", "01", r"'label': '01'"),
        ("cosmos_qa", "label", 4, r"'label': 4 is none of 0, 1, 2, 3"),
        ("cosmos_qa", "answer3", None, r"'answer3': None is not text"),
        ("commonsense_qa", "answerKey", "F", r"'answerKey': 'F' is none of A, B, C, D, E"),
        ("commonsense_qa", "choices", {"label": ["A"], "text": ["v"]}, r"1 texts, 1 letters, expected 5"),
        ("social_iqa", "label", 1, r"'label': 1 is not text"),
        ("social_iqa", "label", "0", r"'label': '0' is none of 1, 2, 3"),
        ("copa", "question", "why", r"'question': 'why'"),
        ("ccg", "tags", ["N"], r"'tags': 1 tags for 2 tokens"),
        ("text", "text", None, r"'text': None is not text"),
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
    assert task("cosmos_qa").read(ROWS["cosmos_qa"], "1") == Choice(
        "1", "A. why?", ("a0", "a1", "a2", "a3"), 2
    )
    assert task("social_iqa").read(ROWS["social_iqa"], "1") == Choice("1", "A. why?", ("A", "B", "C"), 2)
    assert task("commonsense_qa").read(ROWS["commonsense_qa"], "1") == Choice("1", "why?", tuple("vwxyz"), 2)
    assert task("copa").read(ROWS["copa"], "1") == Choice("1", "p. What was the effect?", ("a", "b"), 0)


def real_files(what: Task) -> Iterator[Path]:
    found = [*sources(what.train), *sources(what.dev)]
    found += [source for code in what.languages if what.test for source in sources(what.test(code))]
    names = [source.local for source in found]
    for name in dict.fromkeys(names):
        path = REAL / f"{name}.jsonl"
        if path.is_file():
            yield path


@pytest.mark.skipif(not REAL.is_dir(), reason="no real rows beside the repository")
@pytest.mark.parametrize("name", sorted(set(READING) - {"text", "ccg"}))
def test_real_rows_are_read(name: str) -> None:
    what, files = task(name), 0
    for path in real_files(what):
        files += 1
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                example = what.read(json.loads(line), str(number))
                assert isinstance(example, KINDS[what.type]), f"{path}:{number}"
    assert files
