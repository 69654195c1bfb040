"""A user's own data at the command line: declared, scored, explained, made again; what is wrong."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli import own
from tests.cli.places import Place
from tests.sources.hub_server import serving
from tests.sources.published import OTHER_ORDER, example, mnli
from xadapt.workflow.store import Store

from .calls import here


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    done = here("run", str(own.write(folder)), "--store", str(folder / "runs"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["missing"] == 0
    return folder


def report(folder: Path, *words: str) -> list[dict]:
    done = here("report", str(folder / "own.toml"), "--store", str(folder / "runs"), *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["cells"]


@pytest.mark.slow
def test_every_type_is_trained_and_scored_in_every_format(ran: Path) -> None:
    cells = report(ran)
    assert {cell["status"] for cell in cells} == {"ok"}
    found = {(cell["task"], cell["language"], cell["composition"]) for cell in cells}
    both = ("baseline", "alone", "stack(mood)")
    trained = {
        (t, lang, c) for t in ("mood", "words", "quiz", "pick") for lang in ("en", "qaa") for c in both
    }
    read = {("twin", "qaa", c) for c in both} | {("nli", "qaa", c) for c in both[:2]}
    further = {("mood", "majority"), ("mood", "hypothesis-only"), ("pick", "majority"), ("words", "majority")}
    further |= {("pick", "hypothesis-only")}
    trained |= {(name, lang, method) for name, method in further for lang in ("en", "qaa")}
    read |= {("nli", "qaa", "majority"), ("nli", "qaa", "hypothesis-only")}
    # A target without training under `alone` is the encoder as it is.
    assert found == trained | read
    page = here("report", str(ran / "own.toml"), "--store", str(ran / "runs")).stdout
    assert "overlap regression" in page and "English word list" in page


@pytest.mark.slow
def test_the_examples_are_those_of_the_rows_in_every_format(ran: Path) -> None:
    store = Store(ran / "runs")
    written: dict[str, set[str]] = {}
    for path in store.root.glob("??/*/examples.jsonl"):
        fields = json.loads((path.parent / "record.json").read_text())["fields"]
        written.setdefault(fields["task"]["name"], set()).add(path.read_text())
    # Three files of one task have the same rows in other formats, so they give the same examples.
    assert {name: len(texts) for name, texts in written.items()} == {
        "mood": 1,
        "words": 1,
        "quiz": 1,
        "pick": 1,
        "twin": 1,
        "nli": 1,
    }
    (mood,), (nli,), (quiz,) = (written[name] for name in ("mood", "nli", "quiz"))
    assert [json.loads(line)["label"] for line in mood.splitlines()] == ["good", "bad"] * 4
    # Its own order of the same labels: a number is a place in that, not in the order of the head.
    assert [json.loads(line)["label"] for line in nli.splitlines()] == ["bad", "good"] * 4
    assert [json.loads(line)["answers"] for line in quiz.splitlines()] == [[], ["here"]] * 4


@pytest.mark.slow
def test_a_number_is_explained_and_made_again_from_the_copy_in_the_store(ran: Path) -> None:
    store = str(ran / "runs")
    cell = next(c for c in report(ran) if (c["task"], c["composition"]) == ("mood", "stack(mood)"))
    done = here("explain", cell["digest"][:12], "--store", store)
    assert "mood_train.jsonl" in done.stdout and "labels good, bad" in done.stdout
    facts = json.loads(here("explain", cell["digest"][:12], "--store", store, "--json").stdout)
    words = facts["again"].split()[1:]
    assert str(ran / "runs" / ".experiments") in words[1]
    again = here(*words)
    assert again.returncode == 0 and "identical" in again.stdout, again.stderr
    verified = here("verify", "--store", store)
    assert verified.returncode == 0 and "0 changed" in verified.stdout


@pytest.mark.slow
def test_the_same_files_elsewhere_are_the_same_results(ran: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(ran, moved)
    shutil.rmtree(moved / "runs")
    done = here("plan", str(moved / "own.toml"), "--store", str(ran / "runs"), "--json")
    assert json.loads(done.stdout)["missing"] == {}
    with (moved / "rows/mood_en.csv").open("a") as file:
        file.write("one more,good\n")
    done = here("plan", str(moved / "own.toml"), "--store", str(ran / "runs"), "--json")
    # The English test rows of one task: read, then five times predicted and scored.
    assert json.loads(done.stdout)["missing"] == {"data": 1, "baseline": 3, "predict": 2, "score": 5}


def test_tasks_lists_and_shows_what_a_file_declares(tmp_path: Path) -> None:
    path = str(own.write(tmp_path))
    assert here("tasks", "--experiment", path).stdout.splitlines()[-1].startswith("nli ")
    facts = json.loads(here("tasks", "show", "mood", "--experiment", path, "--json").stdout)
    assert facts["labels"] == ["good", "bad"] and facts["languages"] == ["en", "qaa"]
    assert facts["sources"][0]["files"] == [str(tmp_path / "rows/mood_train.jsonl")]
    shown = here("tasks", "show", "mod", "--experiment", path)
    assert shown.returncode == 3 and "did you mean 'mood'?" in shown.stderr


MOOD = 'type = "classification"\nlabels = ["good", "bad"]'
FAULTS = {
    "key": (
        "[tasks.mood]",
        "[tasks.mood]\nlabel = []",
        2,
        "tasks.mood.label: unknown key; did you mean 'labels'?",
    ),
    "type": (
        '"classification"',
        '"clasification"',
        2,
        "no 'clasification' here; did you mean 'classification'?",
    ),
    "metric": (
        '"token_accuracy"',
        '"token_acuracy"',
        2,
        "words.metric: 'token_acuracy' is no metric of tagging",
    ),
    "unfit metric": ('"squad_v2"', '"accuracy"', 2, "'accuracy' is no metric of span; known are mlqa, squad"),
    "no such class": (
        MOOD,
        f'{MOOD}\nmetric = "accuracy_f1"',
        2,
        "F1 of the class 'duplicate' or '1', none of",
    ),
    "field": (
        "text = ",
        "txt = ",
        2,
        "tasks.mood.columns.txt: classification has no field 'txt'; did you mean",
    ),
    "several columns": ('text = "sentence"', 'text = ["a", "b"]', 2, "columns.text: expected a column"),
    "built-in": ("tasks.mood]", "tasks.mnli]", 2, "'mnli' is a task of xadapt already"),
    "reserved": ("tasks.mood]", "tasks.each]", 2, "'each' cannot be the name of a task"),
    "one label": ('["good", "bad"]', '["good"]', 2, "one label, 'good', leaves nothing to tell apart"),
    "label twice": ('["good", "bad"]', '["good", "good"]', 2, "mood.labels[1]: 'good' stands there twice"),
    "numbers": ('["good", "bad"]', "[0, 1]", 2, "labels[0]: expected a string, got a whole number, 0"),
    "labels of none": ('metric = "squad_v2"', 'labels = ["a", "b"]', 2, "quiz.labels: span has no labels"),
    "language": ('"Toy A"', '"Swahilli"', 3, "no language 'Swahilli'; did you mean 'swahili'?"),
    "language twice": ('"Toy A"', "EN", 2, "mood.test.EN: the language 'en' stands there twice"),
    "format": ("mood_en.csv", "mood_en.xlsx", 2, "'rows/mood_en.xlsx' has none of the formats .jsonl"),
    "file": ("mood_en.csv", "mod_en.csv", 4, "rows/mod_en.csv: no such file; did you mean 'mood_en.csv'?"),
    "tested on training data": ("mood_en.csv", "mood_train.jsonl", 2, "mood.test.en: the rows of train"),
    "folder": ("mood_en.csv", "words.csv", 4, "rows/words.csv: is a folder; name the file in it"),
    "column": (
        '"sentence"',
        '"sentense"',
        4,
        "jsonl:1: field 'sentense' is missing; did you mean 'sentence'?",
    ),
    "no training": ('trains_as = "mood"', "", 2, "tasks.nli: missing train: classification is trained"),
    "no rows": ('test = { qaa = "rows/twin_qaa.tsv" }', "", 2, "tasks.twin: missing train or test"),
    "trains as nothing": (
        'trains_as = "mood"',
        'trains_as = "moot"',
        3,
        "no task 'moot'; did you mean 'mood'?",
    ),
    "trains as another": (
        'trains_as = "mood"',
        'trains_as = "squad"',
        2,
        "'squad' is span, this task is class",
    ),
    "trains as one more": ('trains_as = "mood"', 'trains_as = "xnli"', 2, "'xnli' itself trains as 'mnli'"),
    "other labels": (
        '["bad", "good"]',
        '["bad", "goot"]',
        2,
        "'mood' has no label 'goot'; did you mean 'good'?",
    ),
    "both": ("trains_as", 'train = "rows/mood_train.jsonl"\ntrains_as', 2, "trains_as: it has train as well"),
    "hub": (
        '"rows/mood_train.jsonl"',
        '{ hub = "mood", split = "train" }',
        2,
        "'mood' is no hub id (owner/name)",
    ),
    "branch": (
        '"rows/mood_train.jsonl"',
        '{ hub = "o/mood", split = "train", revision = "main" }',
        2,
        "revision 'main' is not 40 hex digits",
    ),
    "neither": ('"rows/mood_train.jsonl"', "3", 2, "tasks.mood.train: expected a string or a table, got"),
    "trained retrieval": (
        "[tasks.twin]",
        '[tasks.twin]\ntrain = "rows/twin_qaa.tsv"',
        2,
        "retrieval trains nothing",
    ),
    "misspelt target": ('"words", "quiz"', '"wrds", "quiz"', 3, "no task 'wrds'; did you mean 'words'?"),
    "no intermediate": ('tasks = ["mood"]', 'tasks = ["twin"]', 2, "'twin' has no training data"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_declaration_is_one_line_and_a_code(fault: str, tmp_path: Path) -> None:
    before, after, code, said = FAULTS[fault]
    assert before in own.EXPERIMENT
    (tmp_path / "rows" / "words.csv").mkdir(parents=True)
    done = here("plan", str(own.write(tmp_path, own.EXPERIMENT.replace(before, after, 1))))
    assert done.returncode == code, done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ") and done.stdout == ""


def test_a_setting_of_a_task_that_is_not_declared_is_refused(tmp_path: Path) -> None:
    done = here("plan", str(own.write(tmp_path)), "--set", "tasks.moot.metric=accuracy")
    assert done.returncode == 2 and "no tasks 'moot' in own.toml; did you mean 'mood'?" in done.stderr


ROWS = {
    "label": (
        "mood_train.jsonl",
        '{"sentence": "a", "polarity": "goood"}',
        "field 'polarity': 'goood' is none of",
    ),
    "place": (
        "mood_train.jsonl",
        '{"sentence": "a", "polarity": 2}',
        "field 'polarity': 2 is none of the labels",
    ),
    "empty": ("mood_train.jsonl", '{"sentence": " ", "polarity": 1}', "jsonl:9: field 'sentence' is empty"),
    "column": (
        "mood_train.jsonl",
        '{"sentenze": "a", "polarity": 1}',
        "jsonl:9: field 'sentence' is missing; did",
    ),
    "short row": ("mood_en.csv", "only", "mood_en.csv:10: 1 values for 2 columns"),
    "tags": ("words_en.csv", "a b,DET", "words_en.csv:10: field 'tags': 1 tags for 2 words"),
    "offset": (
        "quiz_en.csv",
        "q?,x here y,here,two",
        "quiz_en.csv:10: field 'start': 'two' is no character offset",
    ),
    "answer": (
        "quiz_train.jsonl",
        '{"question": "q?", "context": "x here y", "answers": {"text": ["here"], "answer_start": [3]}}',
        "quiz_train.jsonl:9: answer not in the context",
    ),
    "choice": ("pick_train.csv", "c,x,y,C", "pick_train.csv:10: field 'right': 'C' is none of the labels"),
}


@pytest.mark.parametrize("fault", ROWS)
def test_a_bad_row_names_file_line_field_and_value(fault: str, tmp_path: Path) -> None:
    name, line, said = ROWS[fault]
    path = own.write(tmp_path)
    with (tmp_path / "rows" / name).open("a") as file:
        file.write(f"{line}\n")
    done = here("fetch", str(path), "--store", str(tmp_path / "runs"))
    assert done.returncode == 4, done.stderr
    assert f"{tmp_path / 'rows' / name}:" in done.stderr and said in done.stderr
    assert "Traceback" not in done.stderr


HUB = """
[model]
name = "toyworld"
[data]
world = "toyworld"
[recipe.a]
steps = 2
[target]
tasks = ["mine"]
[tasks.mine]
type = "classification"
columns = { text = "premise", pair = "hypothesis" }
train = { hub = "nyu-mll/glue", config = "mnli", split = "train" }
test = { German = { hub = "facebook/xnli", config = "de", split = "test" } }
"""


def test_data_of_the_hub_are_locked_and_read_offline(tmp_path: Path) -> None:
    hub = example()
    with serving(hub) as address:
        place = Place(tmp_path, hub, address)
        place.experiment.write_text(HUB)
        done = place.run("fetch")
        assert done.returncode == 0, done.stderr
    known = place.lock()
    assert set(known.dataset) == {"nyu-mll/glue", "facebook/xnli"} and not known.model
    store = str(tmp_path / "runs")
    done = place.run("fetch", "--store", store, "--json", offline=True)
    assert done.returncode == 0 and json.loads(done.stdout)["prepared"] == 2, done.stderr
    train, test = sorted((tmp_path / "runs").glob("??/*/examples.jsonl"), key=lambda p: -p.stat().st_size)
    # The card names the classes, so that no labels are declared and the numbers mean what they mean there.
    first = json.loads(train.read_text().splitlines()[0])
    assert first["label"] == OTHER_ORDER[mnli("train", 1)[0]["label"]] and first["pair"]
    assert len(test.read_text().splitlines()) == 12
    revised = HUB.replace('split = "train"', f'split = "train", revision = "{"a" * 40}"')
    place.experiment.write_text(revised)
    plan = place.run("plan", offline=True)
    assert "not locked" in plan.stdout, "another revision is another source"
