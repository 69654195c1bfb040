"""Data: rows in, plain examples out; bad input is one clear line, and nothing is dropped in silence."""

import json
from pathlib import Path
from typing import Any

import pytest

from xadapt import examples, toyworld
from xadapt.errors import ConfigError, DataError
from xadapt.examples import Classification
from xadapt.sources import Folder, Hub, Origin, Toy, origins
from xadapt.stages.data import Data
from xadapt.task import Source
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.store import Store

SOURCE = Source(path="o/mnli", config="mnli", split="train", local="mnli/en/train")
ROW = {"premise": "p", "hypothesis": "h", "label": 0}


def origin(source: Source, world: Any, folder: Path | None, size: int | None) -> tuple[Origin, ...]:
    return origins([source], world, folder, size)


def write(folder: Path, lines: list[Any], name: str = "mnli/en/train") -> Path:
    path = folder / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
    return path


def stage(folder: Path, what: str = "mnli", limit: int | None = None, source: Source = SOURCE) -> Data:
    rows = origin(source, "folder", folder, None)
    return Data(task=what, task_version=task(what).version, rows=rows, limit=limit)


def run(data: Data, tmp_path: Path, folder: Path | None) -> tuple[list[Any], dict[str, Any]]:
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    notes = data.run(out, Context(Store(tmp_path / "store"), data=folder))
    return list(examples.read(out / "examples.jsonl", task(data.task).type)), notes


def test_a_folder_is_read_and_counted(tmp_path: Path) -> None:
    write(tmp_path, [ROW, {**ROW, "label": -1}, {**ROW, "label": 2}])
    found, notes = run(stage(tmp_path), tmp_path, tmp_path)
    assert found == [
        Classification("0", "p", "h", "entailment"),
        Classification("2", "p", "h", "contradiction"),
    ]
    assert notes == {"read": 3, "kept": 2, "dropped": {"no label": 1}}


def test_a_folder_is_named_by_its_content_not_its_place(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, [ROW])
    assert stage(tmp_path / "a").digest == stage(tmp_path / "b").digest
    write(tmp_path / "b", [ROW, ROW])
    assert stage(tmp_path / "a").digest != stage(tmp_path / "b").digest


def test_a_file_changed_after_planning_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [ROW])
    data = stage(tmp_path)
    write(tmp_path, [ROW, ROW])
    with pytest.raises(DataError, match=r"mnli/en/train\.jsonl: changed since"):
        run(data, tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "train.jsonl:2: not JSON"),
        ("[1]", "train.jsonl:2: expected an object, got list"),
        ("", "train.jsonl:2: not JSON"),
        ({"premise": "p", "label": 0}, "train.jsonl:2: field 'hypothesis' is missing"),
        ({**ROW, "label": 9}, "train.jsonl:2: field 'label': 9 is none of"),
    ],
)
def test_a_bad_row_names_file_line_field_and_value(line: Any, said: str, tmp_path: Path) -> None:
    write(tmp_path, [ROW, line])
    with pytest.raises(DataError, match=said):
        run(stage(tmp_path), tmp_path, tmp_path)


def test_bytes_that_are_not_utf8_and_a_mark_of_byte_order(tmp_path: Path) -> None:
    path = write(tmp_path, [ROW])
    path.write_bytes(path.read_bytes() + b'{"premise": "\xff"}\n')
    with pytest.raises(DataError, match=r"train\.jsonl:2: not UTF-8 \(byte 14\)"):
        run(stage(tmp_path), tmp_path, tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(ROW).encode())
    with pytest.raises(DataError, match=r"train\.jsonl:1: not JSON \(Unexpected UTF-8 BOM"):
        run(stage(tmp_path), tmp_path, tmp_path)


@pytest.mark.parametrize("lines", [[], [{**ROW, "label": -1}]])
def test_no_usable_row_is_an_error(lines: list[Any], tmp_path: Path) -> None:
    write(tmp_path, lines)
    with pytest.raises(DataError, match=r"mnli/en/train\.jsonl: no usable row"):
        run(stage(tmp_path), tmp_path, tmp_path)


def test_a_missing_folder_or_file_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        stage(tmp_path / "nowhere")
    write(tmp_path, [ROW], "mnli/en/trian")
    with pytest.raises(DataError, match=r"the nearest there is 'mnli/en/trian\.jsonl'"):
        stage(tmp_path)
    with pytest.raises(ConfigError, match="needs a folder"):
        origin(SOURCE, "folder", None, None)


def test_a_folder_stage_without_the_flag_says_so(tmp_path: Path) -> None:
    write(tmp_path, [ROW])
    with pytest.raises(DataError, match="lies in a local folder"):
        run(stage(tmp_path), tmp_path, None)


def test_smaller_limits_are_subsets_of_larger(tmp_path: Path) -> None:
    write(tmp_path, [{**ROW, "premise": str(n)} for n in range(50)])
    ten, twenty, every = (
        {e.id for e in run(stage(tmp_path, limit=n), tmp_path, tmp_path)[0]} for n in (10, 20, 99)
    )
    assert len(ten) == 10 and ten < twenty < every and len(every) == 50
    assert ten != {str(n) for n in range(10)}, "a limit is a sample, not a head"


def test_repeated_ids_are_made_unique_and_counted(tmp_path: Path) -> None:
    row = {"id": "q", "question": "?", "context": "a", "answers": {"text": ["a"], "answer_start": [0]}}
    write(tmp_path, [row, row, {**row, "id": "r"}])
    found, notes = run(stage(tmp_path, "squad"), tmp_path, tmp_path)
    assert [example.id for example in found] == ["q", "q~2", "r"]
    assert notes == {"read": 3, "kept": 3, "dropped": {"renamed": 1}}


def test_the_toy_world_needs_no_folder(tmp_path: Path) -> None:
    rows = origin(SOURCE, "toyworld", None, 30)
    assert rows == (Toy(dataset="mnli", config="en", split="train", size=30, version=toyworld.VERSION),)
    found, notes = run(Data(task="mnli", task_version=1, rows=rows), tmp_path, None)
    assert len(found) == notes["kept"] == 30


def test_the_hub_needs_no_folder_and_keeps_its_revision() -> None:
    assert origin(SOURCE, "hub", None, None) == (
        Hub(path="o/mnli", revision="main", config="mnli", split="train"),
    )


def test_the_hub_gives_labels_by_name_and_its_faults_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    # The order of the class names is the source's own, so that only the names can be right.
    label = datasets.ClassLabel(names=["contradiction", "neutral", "entailment"])
    text = datasets.Value("string")
    table = datasets.Dataset.from_dict(
        {"premise": ["p", "q", "r"], "hypothesis": ["h"] * 3, "label": [0, 2, -1]},
        features=datasets.Features({"premise": text, "hypothesis": text, "label": label}),
    )
    monkeypatch.setattr(datasets, "load_dataset", lambda *words, **named: table)
    data = Data(task="mnli", task_version=1, rows=origin(SOURCE, "hub", None, None))
    found, notes = run(data, tmp_path, None)
    assert [example.label for example in found] == ["contradiction", "entailment"]
    assert notes["dropped"] == {"no label": 1}

    def offline(*words: Any, **named: Any) -> Any:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(DataError, match=r"^hub dataset o/mnli/mnli/train @ main: no route$") as caught:
        run(data, tmp_path, None)
    assert caught.value.code == 4


def test_the_hub_gives_tags_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    tags = datasets.List(datasets.ClassLabel(names=["VERB", "NOUN"]))
    table = datasets.Dataset.from_dict(
        {"tokens": [["a", "b"]], "pos_tags": [[0, 1]]},
        features=datasets.Features({"tokens": datasets.List(datasets.Value("string")), "pos_tags": tags}),
    )
    monkeypatch.setattr(datasets, "load_dataset", lambda *words, **named: table)
    data = Data(task="udpos", task_version=1, rows=origin(SOURCE, "hub", None, None))
    assert run(data, tmp_path, None)[0][0].tags == ("VERB", "NOUN")


def test_an_origin_is_hashed_by_content() -> None:
    assert Folder(name="a/b/c", sha256="0" * 64) != Folder(name="a/b/c", sha256="1" * 64)


def test_rows_beyond_the_limit_are_counted(tmp_path: Path) -> None:
    write(tmp_path, [ROW] * 30)
    _, notes = run(stage(tmp_path, limit=10), tmp_path, tmp_path)
    assert notes == {"read": 30, "kept": 10, "dropped": {"limit": 20}}


def test_a_made_id_never_meets_one_that_is_there(tmp_path: Path) -> None:
    row = {"question": "?", "context": "a", "answers": {"text": ["a"], "answer_start": [0]}}
    write(tmp_path, [{**row, "id": name} for name in ("q", "q", "q~2", "q")])
    found, _ = run(stage(tmp_path, "squad"), tmp_path, tmp_path)
    assert [example.id for example in found] == ["q", "q~2", "q~2~2", "q~3"]
