"""Data: rows in, plain examples out; bad input is one clear line, and nothing is dropped in silence."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sources.published import parquet_bytes
from tests.sources.written import write_rows
from xadapt import examples, toyworld
from xadapt.errors import ConfigError, DataError, IntegrityError
from xadapt.examples import Classification
from xadapt.sources import Folder, Hub, Origin, Toy, origins
from xadapt.sources.lock import Content, Lock, Split
from xadapt.sources.readers import SUFFIXES
from xadapt.stages.data import Data
from xadapt.task import Source, label_name
from xadapt.tasks import task
from xadapt.workflow.context import Context
from xadapt.workflow.digest import canonical
from xadapt.workflow.store import Store

SOURCE = Source(path="o/mnli", config="mnli", split="train", local="mnli/en/train")
ROW = {"premise": "p", "hypothesis": "h", "label": 0}
AT = "a" * 40


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
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(ROW).encode() + b"\n\n")
    assert run(stage(tmp_path), tmp_path, tmp_path)[0] == [Classification("0", "p", "h", "entailment")]


@pytest.mark.parametrize(
    ("lines", "said"), [([], "empty"), ([{**ROW, "label": -1}], "no usable row ({'no label': 1})")]
)
def test_no_usable_row_is_an_error(lines: list[Any], said: str, tmp_path: Path) -> None:
    path = write(tmp_path, lines)
    with pytest.raises(DataError) as caught:
        run(stage(tmp_path), tmp_path, tmp_path)
    assert caught.value.message == f"{path}: {said}"


def test_a_missing_folder_or_file_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        stage(tmp_path / "nowhere")
    write(tmp_path, [ROW], "mnli/en/trian")
    with pytest.raises(DataError, match=r"the nearest there is 'mnli/en/trian\.jsonl'"):
        stage(tmp_path)
    with pytest.raises(ConfigError, match=r"^mnli/en/train: .* needs a folder"):
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
    assert notes == {"read": 3, "kept": 3, "dropped": {}, "renamed": 1}


def test_the_toy_world_needs_no_folder(tmp_path: Path) -> None:
    rows = origin(SOURCE, "toyworld", None, 30)
    version = toyworld.version("mnli")
    assert rows == (Toy(dataset="mnli", config="en", split="train", size=30, version=version),)
    found, notes = run(Data(task="mnli", task_version=1, rows=rows), tmp_path, None)
    assert len(found) == notes["kept"] == 30


def test_the_hub_needs_no_folder_and_keeps_its_revision() -> None:
    assert origin(SOURCE, "hub", None, None) == (
        Hub(path="o/mnli", revision="main", config="mnli", split="train"),
    )


def cached(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes) -> tuple[Origin, ...]:
    """An origin whose one file lies in a hub cache below `folder`, as its lock says."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    path = folder / "datasets--o--mnli" / "snapshots" / AT / name
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    split = Split(files={name: Content(sha256=hashlib.sha256(data).hexdigest(), size=len(data))})
    lock = Lock().with_split("o/mnli", AT, "mnli/train", split)
    return origins([SOURCE], "hub", None, None, lock)


def test_the_hub_gives_labels_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The order of the class names is the source's own, so that only the names can be right.
    rows = [{"premise": "p", "hypothesis": "h", "label": label} for label in (0, 2, -1)]
    made = parquet_bytes(rows, ["contradiction", "neutral", "entailment"])
    data = Data(task="mnli", task_version=1, rows=cached(tmp_path, monkeypatch, "a/b.parquet", made))
    found, notes = run(data, tmp_path, None)
    assert [example.label for example in found] == ["contradiction", "entailment"]
    assert notes["dropped"] == {"no label": 1}


def test_a_bad_row_of_the_hub_is_named_by_file_and_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = parquet_bytes([{**ROW, "label": 0}, {**ROW, "premise": None}], ["entailment"])
    data = Data(task="mnli", task_version=1, rows=cached(tmp_path, monkeypatch, "a/b.parquet", made))
    with pytest.raises(DataError, match=r"^o/mnli/a/b\.parquet:2: field 'premise': None is not text$"):
        run(data, tmp_path, None)


def test_a_hub_file_that_is_missing_or_other_than_locked_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = cached(tmp_path, monkeypatch, "a.jsonl", json.dumps(ROW).encode())
    data = Data(task="mnli", task_version=1, rows=rows)
    (path,) = tmp_path.rglob("a.jsonl")
    path.write_text(json.dumps({**ROW, "label": 1}))
    with pytest.raises(IntegrityError, match=r"a\.jsonl: has SHA-256 \w{12}, the lock says \w{12}$"):
        run(data, tmp_path, None)
    path.unlink()
    with pytest.raises(DataError, match=rf"^o/mnli/a\.jsonl @ {AT[:12]} is not on this machine$") as caught:
        run(data, tmp_path, None)
    assert "xadapt fetch" in caught.value.hint


def test_a_hub_source_without_a_lock_is_refused(tmp_path: Path) -> None:
    data = Data(task="mnli", task_version=1, rows=origin(SOURCE, "hub", None, None))
    with pytest.raises(DataError, match=r"^hub dataset o/mnli/mnli/train is not locked to a revision$"):
        run(data, tmp_path, None)


def test_only_rows_of_the_prefix_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(json.dumps({**ROW, "id": f"{name}-1"}) + "\n" for name in ("finnish", "thai", "finnish"))
    (hub,) = cached(tmp_path, monkeypatch, "a.jsonl", lines.encode())
    assert isinstance(hub, Hub)
    data = Data(task="mnli", task_version=1, rows=(replace(hub, id_prefix="finnish-"),))
    assert run(data, tmp_path, None)[1] == {"read": 2, "kept": 2, "dropped": {}, "others": 1}


def test_the_lock_decides_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (hub,) = cached(tmp_path, monkeypatch, "a.jsonl", b"{}")
    assert isinstance(hub, Hub)
    changes = ({"revision": "b" * 40}, {"read": ()}, {"names": (("label", ("x",)),)}, {"id_prefix": "x"})
    digests = {Data(task="mnli", task_version=1, rows=(replace(hub, **c),)).digest for c in ({}, *changes)}
    assert len(digests) == 5


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if not suffix.startswith(".txt")])
def test_a_folder_may_hold_any_format(suffix: str, tmp_path: Path) -> None:
    write_rows(tmp_path / "mnli" / "en", "train", suffix, [ROW, {**ROW, "label": -1}, {**ROW, "label": 2}])
    found, notes = run(stage(tmp_path), tmp_path, tmp_path)
    assert [example.label for example in found] == ["entailment", "contradiction"]
    assert notes == {"read": 3, "kept": 2, "dropped": {"no label": 1}}


def test_plain_text_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "text" / "mixed" / "train.txt"
    path.parent.mkdir(parents=True)
    path.write_text("one\n\ntwo\n", encoding="utf-8")
    lines = task("text").train
    assert isinstance(lines, Source)
    found, notes = run(stage(tmp_path, "text", source=lines), tmp_path, tmp_path)
    assert [example.text for example in found] == ["one", "two"]
    assert notes == {"read": 3, "kept": 2, "dropped": {"empty line": 1}}


def test_two_files_of_one_name_are_an_error(tmp_path: Path) -> None:
    for suffix in (".jsonl", ".parquet"):
        write_rows(tmp_path / "mnli" / "en", "train", suffix, [ROW])
    with pytest.raises(DataError, match=r"mnli/en: both train\.jsonl and train\.parquet are there$"):
        stage(tmp_path)


def test_the_same_bytes_in_another_format_are_other_rows(tmp_path: Path) -> None:
    for name in (".csv", ".tsv"):
        path = tmp_path / name / "mnli" / "en" / f"train{name}"
        path.parent.mkdir(parents=True)
        path.write_text("premise\n1\n")
    assert stage(tmp_path / ".csv").digest != stage(tmp_path / ".tsv").digest


def test_digests_of_earlier_stores_hold() -> None:
    assert canonical(Folder(name="a/b/c", sha256="0")) == {"type": "Folder", "name": "a/b/c", "sha256": "0"}
    hub = {"path": "o/m", "revision": "main", "config": "c", "split": "s", "files": "", "id_prefix": ""}
    assert canonical(Hub(path="o/m", revision="main", config="c", split="s")) == {"type": "Hub", **hub}


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


def test_a_number_as_text_is_a_place_only_where_no_label_is_a_number() -> None:
    assert label_name(("no", "yes"), "1") == "yes"
    assert label_name(("no", "yes"), "-1") is None
    for labels, value in ((("1", "2", "3"), "0"), (("no", "yes"), "2"), (("no", "yes"), "1.0")):
        with pytest.raises(ValueError, match=f"'label': '{value}' is none of"):
            label_name(labels, value)
