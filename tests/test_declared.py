"""How a declared task reads a row, by hand for every type, and what is wrong with others."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli import own
from xadapt import experiment
from xadapt.declared import FORMS, Column, Declared
from xadapt.errors import DataError
from xadapt.examples import KINDS, Choice, Classification, Example, Pairing, Question, Tagging, Text
from xadapt.metrics import metrics
from xadapt.recipe import Recipe
from xadapt.stages.data import Data
from xadapt.stages.train import Train
from xadapt.task import Dropped
from xadapt.task_types import classification
from xadapt.tasks import task, tasks
from xadapt.workflow.digest import digest_of
from xadapt.workflow.plan import Plan

YES_NO = ("yes", "no")
SPAN = {"question": "q", "context": "a b"}


def declared(kind: str, labels: tuple[str, ...] = (), **columns: Column) -> Declared:
    return Declared(name="mine", kind=kind, labels=labels, columns=tuple(sorted(columns.items())))


def read(value: Declared, row: dict[str, Any]) -> Example | None:
    reader = task(value).read
    assert reader is not None
    return reader(row, "7")


@pytest.mark.parametrize(
    ("value", "row", "example"),
    [
        (declared("classification"), {"text": "a", "label": "x"}, Classification("7", "a", None, "x")),
        (
            declared("classification", YES_NO, text="s1", pair="s2", label="y", id="key"),
            {"s1": "a", "s2": "b", "y": "1", "key": 12},
            Classification("12", "a", "b", "no"),
        ),
        (
            declared("choice"),
            {"context": "c", "choices": ["x", "y"], "label": "1"},
            Choice("7", "c", ("x", "y"), 1),
        ),
        (
            declared("choice", ("1", "2", "3"), choices=("o1", "o2", "o3")),
            {"context": "c", "o1": "x", "o2": "y", "o3": "z", "label": 1, "id": "q1"},
            Choice("q1", "c", ("x", "y", "z"), 0),
        ),
        (
            declared("tagging", ("O", "B")),
            {"tokens": ["a", "b"], "tags": [1, "O"]},
            Tagging("7", ("a", "b"), ("B", "O")),
        ),
        (declared("tagging"), {"tokens": "a b ", "tags": "X Y"}, Tagging("7", ("a", "b"), ("X", "Y"))),
        (
            declared("span"),
            {**SPAN, "answers": {"text": ["b"], "answer_start": [2]}},
            Question("7", "q", "a b", ("b",), (2,)),
        ),
        (
            declared("span", answer="gold", start="at"),
            {**SPAN, "gold": "b", "at": "2", "answers": "kept as it was"},
            Question("7", "q", "a b", ("b",), (2,)),
        ),
        (
            declared("span", ("unanswerable",)),
            {**SPAN, "answer": "", "start": ""},
            Question("7", "q", "a b", (), ()),
        ),
        (declared("span"), {**SPAN, "answer": "", "start": ""}, None),
        (declared("retrieval"), {"source": "hola", "target": "hello"}, Pairing("7", "hola", "hello")),
        (declared("mlm"), {"text": "a"}, Text("7", "a")),
        (declared("mlm", pair="other"), {"text": "a", "other": "b"}, Text("7", "a", "b")),
    ],
)
def test_a_row_becomes_its_example(value: Declared, row: dict[str, Any], example: Example | None) -> None:
    assert read(value, row) == example
    value.check(row)


@pytest.mark.parametrize(
    ("labels", "given", "named"),
    [
        (YES_NO, "no", "no"),
        (YES_NO, 0, "yes"),
        (YES_NO, "1", "no"),
        (("1", "0"), 0, "0"),
        (("1", "2", "3"), 1, "1"),
        (("-1", "0", "1"), -1, "-1"),
        ((), "0", "0"),
        (YES_NO, -1, None),
        (YES_NO, "-1", None),
        (YES_NO, None, None),
        ((), "", None),
    ],
)
def test_a_label_goes_by_name_first_and_by_place_only_among_words(
    labels: tuple[str, ...], given: Any, named: str | None
) -> None:
    found = read(declared("classification", labels), {"text": "a", "label": given})
    assert (found.label if isinstance(found, Classification) else None) == named


@pytest.mark.parametrize(
    ("value", "row", "said"),
    [
        (declared("classification"), {"label": "x"}, "field 'text' is missing; known are label"),
        (
            declared("classification", text="sentence"),
            {"sentense": "a", "label": "x"},
            "field 'sentence' is missing; did you mean 'sentense'",
        ),
        (declared("classification", pair="second"), {"text": "a", "label": "x"}, "field 'second' is missing"),
        (declared("classification"), {"text": 3, "label": "x"}, "field 'text': 3 is not text"),
        (declared("classification"), {"text": "a", "label": 3}, "field 'label': 3 is a number, and labels"),
        (declared("classification"), {"text": "a", "label": True}, "True is neither a name nor"),
        (declared("classification", YES_NO), {"text": "a", "label": 1.0}, "1.0 is neither a name nor"),
        (declared("classification", YES_NO), {"text": "a", "label": 2}, "2 is none of the labels"),
        (
            declared("classification", YES_NO, label="polarity"),
            {"text": "a", "polarity": "yess"},
            "field 'polarity': 'yess' is none of the labels; did you mean 'yes'",
        ),
        (declared("classification", ("1", "2")), {"text": "a", "label": 0}, "0 is none of the labels"),
        (declared("choice"), {"context": "c", "choices": ["x"], "label": 0}, "two choices or more"),
        (declared("choice"), {"context": "c", "choices": "xy", "label": 0}, "two choices or more"),
        (declared("choice"), {"context": "c", "choices": ["x", "y"], "label": 2}, "'label': 2 is none of"),
        (
            declared("choice", ("A", "B", "C")),
            {"context": "c", "choices": ["x", "y"], "label": "C"},
            "field 'label': 'C' is none of 2 choices",
        ),
        (declared("tagging"), {"tokens": ["a"], "tags": ["X", "Y"]}, "field 'tags': 2 tags for 1 words"),
        (declared("tagging"), {"tokens": ["a", "b"], "tags": ["X", ""]}, "field 'tags': word 2 has no tag"),
        (declared("tagging"), {"tokens": ["a", 1], "tags": ["X", "Y"]}, "field 'tokens': 1 is not text"),
        (declared("tagging"), {"tokens": 5, "tags": ["X"]}, "field 'tokens': 5 is neither a list nor text"),
        (declared("span"), SPAN, "field 'answers' is missing"),
        (declared("span"), {**SPAN, "answers": ["b"]}, "field 'answers': expected lists text and answer_st"),
        (declared("span"), {**SPAN, "answer": "b", "start": 2.0}, "'start': 2.0 is no character offset"),
        (declared("span"), {**SPAN, "answer": "b"}, "field 'start' is missing"),
    ],
)
def test_a_row_that_cannot_be_read_names_field_and_value(
    value: Declared, row: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=r"^field ") as caught:
        read(value, row)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("value", "row", "bad"),
    [
        (declared("classification", text="s"), {"s": "\u3000\n", "label": "x"}, True),
        (declared("choice"), {"context": "c", "choices": ["x", ""], "label": 0}, True),
        (declared("tagging"), {"tokens": [], "tags": []}, True),
        (declared("span"), {**SPAN, "answer": "b", "start": 1}, True),
        (declared("mlm"), {"text": " "}, False),
    ],
)
def test_empty_text_is_dropped_and_counted(value: Declared, row: dict[str, Any], bad: bool) -> None:
    with pytest.raises(Dropped) as caught:
        read(value, row)
    assert caught.value.bad == bad


def test_the_forms_are_of_known_types_and_metrics() -> None:
    assert set(FORMS) <= set(KINDS)
    assert {name for form in FORMS.values() for name in form.metrics} <= set(metrics())


def test_a_class_that_training_has_not_seen_is_named() -> None:
    strange = [Classification("3", "a", None, "Yes")]
    with pytest.raises(DataError, match=r"example 3: 'Yes' is no label of .*; did you mean 'yes'\?"):
        classification.encode(strange, None, Recipe(), ("no", "yes"))  # type: ignore[arg-type]


def stages(folder: Path, text: str = own.EXPERIMENT, name: str = "mood") -> dict[str, set[str]]:
    """kind -> digests, of what is made of one declared task."""
    plan = Plan.of(experiment.load(str(own.write(folder, text))).goals())
    found: dict[str, set[str]] = {}
    for stage in plan.stages:
        if str(getattr(stage, "task", "")) == name:
            found.setdefault(stage.kind, set()).add(stage.digest)
    return found


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("", "", set()),
        ("mood_train.jsonl", "../rows/mood_train.jsonl", set()),
        ('"Toy A"', '"qaa"', set()),
        ('["good", "bad"]', '["bad", "good"]', {"data", "train", "predict", "baseline", "score"}),
        ('type = "tagging"\nmetric = "token_accuracy"', 'type = "tagging"', set()),
    ],
)
def test_a_digest_is_of_what_is_read_and_not_of_where(
    before: str, after: str, changed: set[str], tmp_path: Path
) -> None:
    assert before in own.EXPERIMENT
    first = stages(tmp_path / "a")
    second = stages(tmp_path / "b", own.EXPERIMENT.replace(before, after, 1))
    assert {kind for kind in first if not first[kind] & second[kind]} == changed
    assert changed or first == second


def test_a_changed_row_changes_what_is_made_of_it_and_no_more(tmp_path: Path) -> None:
    first = stages(tmp_path)
    path = own.write(tmp_path)
    with (tmp_path / "rows/mood_en.csv").open("a") as file:
        file.write("one more,good\n")
    plan = Plan.of(experiment.load(str(path)).goals())
    digests = {stage.digest for stage in plan.stages}
    assert first["train"] <= digests, "only test rows have changed"
    assert len(first["data"] - digests) == 1 and len(first["data"] & digests) == 2


def test_a_metric_changes_scores_alone(tmp_path: Path) -> None:
    first = stages(tmp_path / "a", name="words")
    second = stages(tmp_path / "b", own.EXPERIMENT.replace('"token_accuracy"', '"chunk_f1"'), "words")
    assert {kind for kind in first if first[kind] != second[kind]} == {"score"}


def test_rows_and_languages_are_limited_as_for_other_tasks(tmp_path: Path) -> None:
    limits = 'world = "toyworld"\nlanguages = ["Toy A"]\ntask = { mood = { train_rows = 4 } }'
    text = own.EXPERIMENT.replace('world = "toyworld"', limits)
    cells = list(experiment.load(str(own.write(tmp_path, text))).cells())
    assert {cell.language for cell in cells} == {"qaa"}
    assert {cell.task for cell in cells if cell.limited} == {"mood"}
    data = [s for s in Plan.of(c.score for c in cells if c.score).stages if isinstance(s, Data)]
    assert {s.limit for s in data if str(s.task) == "mood"} == {4, None}


def test_plain_text_trains_masked_language_modelling(tmp_path: Path) -> None:
    lines = '[tasks.lines]\ntype = "mlm"\ntrain = "lines.txt"'
    text = own.EXPERIMENT.replace('tasks = ["mood"]', 'tasks = ["lines"]')
    (tmp_path / "lines.txt").write_text("one line\nand one more\n")
    plan = Plan.of(experiment.load(str(own.write(tmp_path, f"{text}\n{lines}\n"))).goals())
    assert {str(s.task) for s in plan.stages if isinstance(s, Train) and not s.base.parts} >= {"lines"}


def test_stages_of_built_in_tasks_carry_names_as_before(tmp_path: Path) -> None:
    plan = Plan.of(experiment.load("demo").goals())
    carried = {stage.fields["task"] for stage in plan.stages if "task" in stage.fields}
    assert carried <= set(tasks())
    assert digest_of(declared("mlm")) != digest_of("mine")


def test_the_kept_copy_is_the_same_experiment_from_anywhere(tmp_path: Path, monkeypatch: Any) -> None:
    from xadapt import toml

    path = own.write(tmp_path / "home")
    monkeypatch.chdir(path.parent)
    asked = experiment.load("own.toml")
    copy = tmp_path / "kept" / "own.toml"
    copy.parent.mkdir()
    copy.write_text(toml.write(experiment.resolved(asked)))
    monkeypatch.chdir(tmp_path)
    again = experiment.load(str(copy))
    assert [goal.digest for goal in again.goals()] == [goal.digest for goal in asked.goals()]
    assert json.dumps(experiment.resolved(again)) == json.dumps(experiment.resolved(asked))
