"""A submission folder is whole, right and scored from disk as in the store, or it is not there."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from xadapt.errors import ConfigError, DataError, IntegrityError, UnknownName, Unwritable
from xadapt.submission.entries import Entry, entries
from xadapt.submission.folder import check, write
from xadapt.submission.system import System, system
from xadapt.task import Sizes
from xadapt.tasks import task
from xadapt.workflow.store import Store

from . import made

OF = System("alone", "small", 1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """(experiment, store) whose scores of `alone` are there."""
    folder = tmp_path_factory.mktemp("submission")
    asked, store = made.load(folder), Store(folder / "runs")
    made.fill(asked, store)
    return asked, store


@pytest.fixture
def files(filled) -> tuple[Entry, ...]:
    asked, store = filled
    return entries(asked, OF, "xtreme", store, made.TASKS)


def test_every_file_is_there_and_scores_from_disk_to_the_last_digit(filled, files, tmp_path):
    _, store = filled
    folder = tmp_path / "new" / "submission"
    found = write(folder, files, store)
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert there == {each.file for each in files} and len(there) == 11
    assert {"xquad/test-qaa.json", "udpos/test-en.tsv", "tatoeba/test-qaa.tsv"} <= there
    for again, entry in zip(check(folder, files, store), files, strict=True):
        stored = json.loads((store.path(entry.score) / "score.json").read_text())
        assert again.metrics == stored["metrics"] and again.value == stored["value"]
        assert again.items == stored["n"] == 25 and 0 < again.value < 100
    assert [each.as_json() for each in found] == [each.as_json() for each in check(folder, files, store)]
    assert [path.name for path in folder.parent.iterdir()] == ["submission"], "nothing half is left beside"


def test_an_independent_reading_as_evaluate_py_does_gives_the_same_accuracy(filled, files, tmp_path):
    _, store = filled
    write(tmp_path / "s", files, store)
    for name in ("xnli/test-qaa.tsv", "pawsx/test-en.tsv", "tatoeba/test-qaa.tsv"):
        entry = next(each for each in files if each.file == name)
        path = store.path(entry.score.predictions.data) / "examples.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        if entry.task.name == "tatoeba":
            english = [(row["target"].strip(), place) for place, row in enumerate(rows)]
            labels = [str(place) for _, place in sorted(english, key=lambda pair: pair[0])]
        else:
            labels = [row["label"] for row in rows]
        lines = [line.strip() for line in (tmp_path / "s" / name).open()]
        assert len(lines) == len(labels)
        right = sum(mine == label for mine, label in zip(lines, labels, strict=True))
        stored = json.loads((store.path(entry.score) / "score.json").read_text())
        assert stored["value"] == 100 * right / len(labels)


@pytest.mark.parametrize(
    ("name", "change", "error", "message"),
    [
        (
            "xnli/test-en.tsv",
            lambda t: t.replace("entailment", "neutral"),
            IntegrityError,
            "the stored score",
        ),
        ("xnli/test-en.tsv", lambda t: t.replace("entailment", "0", 1), DataError, "'0' is none of"),
        ("xnli/test-en.tsv", lambda t: t.split("\n", 1)[1], DataError, "24 lines for 25 test examples"),
        ("udpos/test-qaa.tsv", lambda t: t.replace("\n\n", "\n", 1), DataError, "24 sentences for 25"),
        ("xquad/test-en.json", lambda t: t.replace(",\n", ",\n,", 1), DataError, "Expecting property name"),
        (
            "tatoeba/test-qaa.tsv",
            lambda t: "".join(sorted(t.splitlines(True))),
            IntegrityError,
            "accuracy is",
        ),
    ],
)
def test_a_changed_file_is_found(filled, files, tmp_path, name, change, error, message):
    _, store = filled
    write(tmp_path / "s", files, store)
    path = tmp_path / "s" / name
    path.write_text(change(path.read_text()))
    with pytest.raises(error) as raised:
        check(tmp_path / "s", files, store)
    assert str(raised.value).startswith(f"{name}: ") and message in str(raised.value)


def test_missing_and_foreign_files_are_named(filled, files, tmp_path):
    _, store = filled
    write(tmp_path / "s", files, store)
    (tmp_path / "s/panx/test-en.tsv").rename(tmp_path / "s/panx/test-eng.tsv")
    with pytest.raises(DataError, match=r"panx/test-en\.tsv: missing"):
        check(tmp_path / "s", files, store)
    (tmp_path / "s/panx/test-en.tsv").write_text("x")
    with pytest.raises(DataError, match=r"panx/test-eng\.tsv: no file of this submission; did you mean"):
        check(tmp_path / "s", files, store)


def test_what_is_wrong_leaves_nothing(filled, files, tmp_path):
    _, store = filled
    wrong = [replace(files[0], real=True, task=replace(files[0].task, sizes=Sizes(test=5010)))]
    with pytest.raises(DataError, match=r"xnli/test-en\.tsv: 25 test examples here, the benchmark has 5,010"):
        write(tmp_path / "s", wrong, store)
    assert list(tmp_path.iterdir()) == []


FOLDER = """
[model]
name = "toyworld"
[data]
world = "folder"
languages = ["de"]
[reading]
layer = 4
[recipe.small]
steps = 1
[target]
tasks = ["bucc2018", "mlqa"]
"""
SQUAD = {
    "id": "q1",
    "question": "Wo?",
    "context": "In Rom",
    "answers": {"text": ["Rom"], "answer_start": [3]},
}
BLIND = SQUAD | {"id": "q2", "answers": {"text": [], "answer_start": []}}


def from_folder(tmp_path, source: str, *questions: object) -> tuple[tuple[Entry, ...], Store]:
    """The files of BUCC with two German sentences, the first with id `source`, and of MLQA."""
    sentences = [{"id": source, "sentence": "eins"}, {"id": "de-000000002", "sentence": "zwei"}]
    rows = {
        "bucc18/de/pool_source": sentences,
        "bucc18/de/pool_target": [{"id": "en-000000001", "sentence": "one"}],
        "bucc18/de/validation": [{"source_id": source, "target_id": "en-000000001"}],
        "mlqa/de.de/test": [SQUAD, *questions],
        "squad/en/train": [SQUAD],
    }
    for name, lines in rows.items():
        path = tmp_path / "data" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    asked = replace(made.load(tmp_path, FOLDER), data_folder=tmp_path / "data")
    store = Store(tmp_path / "runs")
    made.fill(asked, store)
    alone = [cell for cell in asked.cells() if cell.composition == "alone" and cell.score]
    return tuple(Entry(task(cell.task), cell.language, cell.score) for cell in alone), store


def test_a_folder_with_the_rows_and_ids_of_the_benchmark_is_written(tmp_path):
    files, store = from_folder(tmp_path, "de-000000001")
    write(tmp_path / "s", files, store)
    pairs = (tmp_path / "s/bucc2018/test-de.tsv").read_text().splitlines()
    assert pairs[0] == "de-000000001\ten-000000001"
    assert json.loads((tmp_path / "s/mlqa/test-de.json").read_text()) == {"q1": "Rom"}


@pytest.mark.parametrize(
    ("source", "questions", "message"),
    [
        ("source-000000001", [], r"bucc2018/test-de\.tsv: 'source-000000001' is no id of the benchmark"),
        ("de-000000001", [BLIND], r"mlqa/test-de\.json: .* left out here: \{'no label': 1\}"),
        ("de-000000001", [SQUAD], r"mlqa/test-de\.json: 1 test examples here have the id of another one"),
    ],
)
def test_examples_that_are_not_those_of_the_benchmark_are_refused(tmp_path, source, questions, message):
    files, store = from_folder(tmp_path, source, *questions)
    with pytest.raises(DataError, match=message):
        write(tmp_path / "s", files, store)
    assert not (tmp_path / "s").exists()


def test_an_empty_folder_that_one_stands_in_is_taken(filled, files, tmp_path, monkeypatch):
    _, store = filled
    (tmp_path / "s").mkdir()
    monkeypatch.chdir(tmp_path / "s")
    write(Path(), files[:1], Store(store.root.absolute()))
    assert (tmp_path / "s" / files[0].file).is_file()


def test_only_a_new_or_empty_place_is_taken(filled, files, tmp_path):
    _, store = filled
    (tmp_path / "s").mkdir()
    write(tmp_path / "s", files[:1], store)
    before = (tmp_path / "s" / files[0].file).read_bytes()
    with pytest.raises(ConfigError, match="is there already"):
        write(tmp_path / "s", files[1:2], store)
    assert (tmp_path / "s" / files[0].file).read_bytes() == before
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is there already"):
        write(tmp_path / "file", files[:1], store)
    with pytest.raises(Unwritable, match="Not a directory"):
        write(tmp_path / "file" / "s", files[:1], store)


def test_what_is_missing_is_told_by_task_language_and_reason(filled, tmp_path):
    asked, store = filled
    with pytest.raises(DataError) as raised:
        entries(asked, OF, "xtreme", store)
    text = str(raised.value)
    assert "mlqa (no target here)" in text and "bucc2018 (no target here)" in text and "xnli" not in text
    fused = replace(OF, composition="fuse(mnli, squad)")
    with pytest.raises(DataError) as raised:
        entries(asked, fused, "xtreme", store, ["pawsx", "tatoeba"])
    text = str(raised.value)
    assert "pawsx (has not run)" in text and "tatoeba (has not run)" in text
    whole = made.load(tmp_path, made.TEXT + '[recipe.whole]\nmethod = { name = "full" }\nsteps = 1\n')
    with pytest.raises(DataError, match=r"pawsx \(fuse is not defined for full\)"):
        entries(whole, replace(fused, recipe="whole"), "xtreme", store, ["pawsx"])


def test_a_language_that_is_not_tested_is_missing_and_limited_rows_are_no_submission(tmp_path):
    from tests.report import fakes
    from tests.report.test_standing import LARGE

    store = Store(tmp_path / "runs")
    for table, message in (
        ('[data]\nlanguages = ["en", "de"]', "pawsx es fr ja ko zh (not tested here)"),
        ("[data]\ntest_rows = 9", "pawsx (only 9 rows of it are used)"),
    ):
        asked = fakes.load(tmp_path, LARGE.replace("[recipe", f"{table}\n[recipe", 1))
        fakes.fill(asked, store)
        with pytest.raises(DataError) as raised:
            entries(asked, OF, "xtreme", store, ["pawsx"])
        assert message in str(raised.value)
    asked = fakes.load(tmp_path, LARGE)
    fakes.fill(asked, store)
    assert [each.file for each in entries(asked, OF, "xtreme", store, ["pawsx"])][1] == "pawsx/test-en.tsv"


def test_tasks_without_a_file_in_the_benchmark_are_refused(filled):
    asked, store = filled
    for name, benchmark in (("xcopa", "xtreme"), ("lareqa", "xtreme-r"), ("pawsx", "xtreme-r")):
        with pytest.raises(UnknownName, match=f"'{name}' has no file in XTREME"):
            entries(asked, OF, benchmark, store, [name])


def test_a_system_is_named_as_the_file_or_as_the_report_names_it(filled):
    asked, _ = filled
    assert system(asked, "fuse(all)", None, None) == System("fuse(mnli, squad)", "small", 1)
    assert system(asked, " fuse( mnli ,squad)", "small", 1) == System("fuse(mnli, squad)", "small", 1)


@pytest.mark.parametrize(
    ("composition", "recipe", "seed", "error", "message"),
    [
        ("alon", None, None, UnknownName, "'alon' is not in this experiment; did you mean 'alone'"),
        ("stack(mnli)", None, None, UnknownName, "known are alone, fuse"),
        ("stack(each)", None, None, ConfigError, "'stack(each)' are 2 compositions"),
        (
            "alone",
            "smal",
            None,
            UnknownName,
            "--recipe: 'smal' is not in this experiment; did you mean",
        ),
        ("alone", None, 2, UnknownName, "--seed: '2' is not in this experiment; known are 1"),
    ],
)
def test_what_is_no_system_here_is_told_with_the_nearest(filled, composition, recipe, seed, error, message):
    with pytest.raises(error) as raised:
        system(filled[0], composition, recipe, seed)
    assert message in str(raised.value)


def test_several_seeds_or_recipes_must_be_chosen_from(tmp_path: Path):
    asked = made.load(tmp_path, "seeds = [1, 2]\n" + made.TEXT + "\n[recipe.large]\nsteps = 2\n")
    with pytest.raises(ConfigError, match="missing --recipe: the experiment has small, large"):
        system(asked, "alone", None, 1)
    with pytest.raises(ConfigError, match="missing --seed: the experiment has 1, 2"):
        system(asked, "alone", "large", None)
