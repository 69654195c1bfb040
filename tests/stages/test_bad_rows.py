"""Rows of another form than a task reads: named by file, line, field and value; too many bad ones stop it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sources.written import write_rows
from xadapt import examples
from xadapt.errors import DataError
from xadapt.examples import Classification, Example
from xadapt.experiment import Experiment
from xadapt.experiment.tables import DataTable, RecipeTable, TargetTable
from xadapt.sources import origins
from xadapt.stages import data as stages
from xadapt.stages.data import Data
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.task import Drop, Dropped, Placed, Source, sources
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.store import Store

QUESTION = {"id": "q", "question": "?", "context": "a b", "answers": {"text": ["a"], "answer_start": [0]}}
ELSEWHERE = {**QUESTION, "answers": {"text": ["a"], "answer_start": [1]}}
PAIR = {"premise": "p", "hypothesis": "h", "label": 0}


def run(name: str, folder: Path, found: tuple[Source, ...], scored: bool = False) -> dict[str, Any]:
    rows = origins(found, "folder", folder, None)
    out = folder / "out"
    out.mkdir(exist_ok=True)
    data = Data(task=name, task_version=1, rows=rows, scored=scored)
    return data.run(out, Context(Store(folder / "store"), data=folder))


def place(name: str) -> Source:
    return Source(path="", config="en", split="train", local=f"{name}/en/train")


def put(folder: Path, name: str, rows: list[dict[str, Any]], suffix: str = ".jsonl") -> Source:
    write_rows(folder / name / "en", "train", suffix, rows)
    return place(name)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize(
    ("name", "good", "change", "said"),
    [
        ("squad", QUESTION, {"answers": None}, "field 'answers': None cannot be read ("),
        ("squad", QUESTION, {"answers": {"text": ["a"]}}, "it has no 'answer_start'"),
        ("squad", QUESTION, {"answers": {"text": ["a"], "answer_start": ["x"]}}, "field 'answers': "),
        (
            "udpos",
            {"tokens": ["a"], "pos_tags": [1]},
            {"tokens": None},
            "field 'tokens': None cannot be read",
        ),
        (
            "udpos",
            {"tokens": ["a"], "pos_tags": [1]},
            {"pos_tags": [9999]},
            "field 'pos_tags': 9999 is none of",
        ),
        ("mnli", PAIR, {"premise": "p" * 500, "hypothesis": None}, "field 'hypothesis': None is not text"),
    ],
)
def test_the_field_and_its_value_are_named_whatever_the_fault(
    name: str, good: dict[str, Any], change: dict[str, Any], said: str, suffix: str, tmp_path: Path
) -> None:
    if suffix == ".parquet":
        # A column has one type there, so that the fault stands alone.
        rows, line = [good | change], 1
    else:
        rows, line = [good, good | change], 2
    with pytest.raises(DataError) as caught:
        run(name, tmp_path, (put(tmp_path, name, rows, suffix),))
    message = caught.value.message
    assert f"{name}/en/train{suffix}:{line}: " in message and said in message
    assert "\n" not in message and len(message) < len(str(tmp_path)) + 350


def test_a_missing_column_names_the_nearest(tmp_path: Path) -> None:
    row = {"premise": "p", "hypotheses": "h", "label": 0}
    with pytest.raises(DataError, match=r":1: field 'hypothesis' is missing; did you mean 'hypotheses'\?$"):
        run("mnli", tmp_path, (put(tmp_path, "mnli", [row]),))


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    row = {**QUESTION, "answers": ["x" * 5000]}
    with pytest.raises(DataError, match=r"field 'answers': \['x+\.\.\. cannot be read"):
        run("squad", tmp_path, (put(tmp_path, "squad", [row]),))


def test_rows_that_belong_together_name_the_one_read_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gather(rows: Iterable[Placed], drop: Drop) -> Iterator[Example]:
        held: list[str] = []
        for each in rows:
            held.append(each.row["text"].strip())
            if len(held) == 1:
                drop(each, Dropped("short"))
        yield from (Classification(str(n), text, None, "a") for n, text in enumerate(held[1:]))

    made = replace(task("mnli"), read=None, gather=gather)
    monkeypatch.setattr(stages, "task", lambda _: made)
    rows: list[dict[str, Any]] = [{"text": "a"}, {"text": "b"}]
    found = (put(tmp_path, "x", rows), put(tmp_path, "y", rows))
    assert run("mnli", tmp_path, found) == {"read": 4, "kept": 3, "dropped": {"short": 1}}
    put(tmp_path, "y", [{"text": "a"}, {"text": 7}, {"text": "b"}])
    with pytest.raises(DataError, match=r"y/en/train\.jsonl:2: field 'text': 7 cannot be read \("):
        run("mnli", tmp_path, found)
    put(tmp_path, "y", [{"text": "a"}, {"txt": "b"}])
    with pytest.raises(DataError, match=r"y/en/train\.jsonl:2: field 'text' is missing; did you mean 'txt'"):
        run("mnli", tmp_path, found)


def test_some_bad_rows_are_dropped_and_counted_more_stop_the_stage(tmp_path: Path) -> None:
    found = (put(tmp_path, "x", [QUESTION] * 99 + [ELSEWHERE]),)
    notes = run("squad", tmp_path, found)
    assert notes == {"read": 100, "kept": 99, "dropped": {"answer not in the context": 1}, "renamed": 98}
    put(tmp_path, "x", [QUESTION] * 98 + [ELSEWHERE] * 2)
    with pytest.raises(DataError) as caught:
        run("squad", tmp_path, found)
    said = "2 of 100 rows are bad, more than 1%; the first is "
    assert caught.value.message.startswith(f"x/en/train.jsonl: {said}")
    assert caught.value.message.endswith("x/en/train.jsonl:99: answer not in the context")


def test_a_question_whose_answer_stands_elsewhere_is_scored_all_the_same(tmp_path: Path) -> None:
    rows = [{**(ELSEWHERE if n % 2 else QUESTION), "id": str(n)} for n in range(4)]
    found = (put(tmp_path, "x", rows),)
    notes = run("mlqa", tmp_path, found, scored=True)
    assert notes == {"read": 4, "kept": 4, "dropped": {}, "flawed": {"answer not in the context": 2}}
    kept = list(examples.read(tmp_path / "out/examples.jsonl", "span"))
    assert [each.id for each in kept] == ["0", "1", "2", "3"] and {e.gold for e in kept} == {("a",)}


def test_only_questions_of_real_data_that_nothing_trains_on_are_kept_so(tmp_path: Path) -> None:
    for name in ("squad/en/train", "mlqa/en.en/test"):
        put_at(tmp_path, name)
    asked = Experiment(
        data=DataTable(world="folder", languages=("en",)),
        recipe={"small": RecipeTable(steps=1)},
        target=TargetTable(tasks=("mlqa",), compositions=("alone",)),
        data_folder=tmp_path,
    )
    made = next(cell.score.predictions for cell in asked.cells() if cell.recipe and cell.score)
    assert isinstance(made, Predict) and isinstance(made.module, Train)
    assert made.data.scored and not made.module.data.scored
    toy = replace(asked, data=DataTable(world="toyworld", languages=("en",)), data_folder=None)
    assert not any(cell.score.predictions.data.scored for cell in toy.cells() if cell.score)


def put_at(folder: Path, name: str) -> None:
    write_rows((folder / name).parent, Path(name).name, ".jsonl", [QUESTION])


def test_a_large_source_does_not_hide_the_bad_rows_of_a_small_one(tmp_path: Path) -> None:
    found = (put(tmp_path, "large", [QUESTION] * 1000), put(tmp_path, "small", [QUESTION, ELSEWHERE]))
    with pytest.raises(DataError, match=r"^small/en/train\.jsonl: 1 of 2 rows are bad, more than 1%"):
        run("squad", tmp_path, found)


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    (train,) = sources(task("mnli").train)
    rows = [{**PAIR, "label": n % 4 - 1} for n in range(40)]
    put(tmp_path, "mnli", rows)
    notes = run("mnli", tmp_path, (train,))
    assert notes["read"] == len(rows) == notes["kept"] + sum(notes["dropped"].values())
