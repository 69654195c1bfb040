"""`xadapt predict` and `xadapt export` as they are typed."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import xadapt
from xadapt.cli.main import app
from xadapt.errors import ConfigError, DataError, UnknownName, XadaptError
from xadapt.serving.asked import Vectors

from .made import World


def typed(world: World, *words: object) -> str:
    """Standard output. Raises what the command raises."""
    command, *rest = map(str, words)
    done = CliRunner().invoke(app, [command, *rest, "--store", str(world.store.root)])
    if isinstance(done.exception, XadaptError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def digest(world: World, name: str, recipe: str = "bn") -> str:
    return str(world.predicted(name, "qaa", recipe).module.digest)


def test_one_text_is_answered_in_a_line(world: World) -> None:
    told = typed(world, "predict", digest(world, "xnli"), "--text", "wa bo", "--text-pair", "ti")
    (answer,) = xadapt.load(digest(world, "xnli"), world.store.root).predict(
        [{"text": "wa bo", "pair": "ti"}]
    )
    assert told == f"{answer['label']}  {answer['probabilities'][answer['label']]:.3f}\n"


def test_each_type_has_its_line(world: World) -> None:
    tagged = typed(world, "predict", digest(world, "udpos"), "--text", "wa bo ti").split()
    assert [word.split("/")[0] for word in tagged] == ["wa", "bo", "ti"]
    told = typed(world, "predict", digest(world, "xquad"), "--text", "wa", "--text-pair", "bo ti ka")
    assert told.strip() and told.strip() in "bo ti ka"
    words = ("--text", "wa bo", "--choice", "ti", "--choice", "ka")
    number, share, text = typed(world, "predict", digest(world, "xcopa"), *words).split()
    assert text == ("ti", "ka")[int(number)] and float(share) >= 0.5


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".jsonl.gz"])
def test_a_file_is_answered_row_by_row(world: World, tmp_path: Path, ending: str) -> None:
    stage = world.predicted("xnli", "qaa")
    rows = [{"id": f"r{number}", **row} for number, row in enumerate(world.rows(stage))]
    file = tmp_path / f"rows{ending}"
    _write(file, rows)
    told = typed(world, "predict", stage.module.digest, "--file", file, "--json")
    found = json.loads(told)
    assert [answer["label"] for answer in found["answers"]] == world.answers(stage)
    assert [answer["id"] for answer in found["answers"]] == [row["id"] for row in rows]
    out = tmp_path / "answers.jsonl"
    assert typed(world, "predict", stage.module.digest, "--file", file, "--output", out) == ""
    assert [json.loads(line) for line in out.read_text().splitlines()] == found["answers"]


def _write(file: Path, rows: list[dict[str, Any]]) -> None:
    if file.suffix == ".csv":
        lines = [",".join(rows[0]), *(",".join(f'"{value}"' for value in row.values()) for row in rows)]
        file.write_text("\n".join(lines) + "\n")
        return
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if file.suffix == ".gz":
        file.write_bytes(gzip.compress(text.encode()))
    else:
        file.write_text(text)


def test_a_bad_row_is_named_and_nothing_is_left(world: World, tmp_path: Path) -> None:
    file, out = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    out.write_text("of before\n")
    file.write_text('{"text": "a", "pair": "b"}\n{"text": "a", "pairs": "b"}\n')
    with pytest.raises(DataError, match=r"rows.jsonl:2: field 'pair' is missing; did you mean 'pairs'"):
        typed(world, "predict", digest(world, "xnli"), "--file", file, "--output", out)
    file.write_text('{"text": "a", "pair": "b"}\n{"text": \n')
    with pytest.raises(DataError, match=r"rows.jsonl:2: not JSON"):
        typed(world, "predict", digest(world, "xnli"), "--file", file, "--json")
    assert out.read_text() == "of before\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "rows.jsonl"]


def test_vectors_go_into_one_array(world: World, tmp_path: Path) -> None:
    file, out = tmp_path / "lines.txt", tmp_path / "v.npy"
    file.write_text("wa bo\nti\nka ti wa\n")
    of = digest(world, "xnli")
    typed(world, "predict", of, "--vectors", "--layer", 2, "--file", file, "--output", out)
    found = np.load(out)
    assert found.shape == (3, 128) and found.dtype == np.float32
    how = Vectors(layer=2)
    module = xadapt.load(of, world.store.root, vectors=how)
    assert np.allclose(found, module.vectors(["wa bo", "ti", "ka ti wa"]))


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        ((), ConfigError, "one of --text TEXT and --file FILE"),
        (("--text", "a", "--text-pair", "b", "--text-pair", "c"), ConfigError, "2 --text-pair for 1 --text"),
        (("--text", "a", "--layer", "2"), ConfigError, "--layer says where --vectors are read"),
        (("--text", "a", "--vectors"), ConfigError, "sentence vectors go into a file"),
        (("--file", "none.csv"), DataError, "none.csv: no such file"),
        (("--file", __file__), DataError, r"known endings are .jsonl, .jsonl.gz"),
        (("--text", "a", "--text-pair", "b", "--language", "swx"), UnknownName, "no language 'swx'"),
        (("--text", "a", "--adapter", "sw"), ConfigError, "expected LANGUAGE=FOLDER or LANGUAGE=DIGEST"),
        (("--text", "a", "--task", "xnly"), UnknownName, "no head for 'xnly'; known are mnli"),
    ],
)
def test_what_is_wrong_is_one_line(world: World, words, kind: type[XadaptError], said: str) -> None:
    with pytest.raises(kind, match=said):
        typed(world, "predict", digest(world, "xnli"), *words)


def test_export_says_what_it_wrote(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = typed(world, "export", digest(world, "xnli", "lora"), "--output", out)
    assert "differs by at most" in told and "AutoModelForSequenceClassification.from_pretrained(" in told
    facts = json.loads(typed(world, "export", digest(world, "xnli"), "--output", tmp_path / "b", "--json"))
    assert (facts["form"], facts["task"], facts["folder"]) == ("adapters", "mnli", str(tmp_path / "b"))
    with pytest.raises(ConfigError, match="is there already"):
        typed(world, "export", digest(world, "xnli", "lora"), "--output", out)
