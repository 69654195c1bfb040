"""Examples survive being written, and a bad line says where it is."""

from pathlib import Path

import pytest

from xadapt import examples
from xadapt.errors import DataError
from xadapt.examples import Choice, Classification, Example, Pairing, Passage, Question, Tagging, Text

EACH: dict[str, list[Example]] = {
    "classification": [Classification("1", "a\u2028b", None, "x"), Classification("2", "هلا", "😀", "y")],
    "choice": [Choice("1", "c", ("a", "b"), 1)],
    "tagging": [Tagging("1", ("नमस्ते", "ช"), ("INTJ", "X")), Tagging("2", (), ())],
    "span": [Question("1", "q", "ctx", ("c",), (0,)), Question("2", "q", "ctx", (), ())],
    "retrieval": [Pairing("1", "北京", "Beijing"), Pairing("2", "a", "b")],
    "ranking": [Passage("1", "q?", "query", ("2",)), Passage("2", "a.", "candidate", pair="a. b.")],
    "mining": [Passage("s-1", "北京", "query", ("t-1",)), Passage("t-1", "Beijing", "candidate")],
    "mlm": [Text("1", "line"), Text("2", "line", "beside")],
}


def test_every_kind_is_here() -> None:
    assert set(EACH) == set(examples.KINDS)


@pytest.mark.parametrize("kind", EACH)
def test_round_trip(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    assert examples.write(EACH[kind], path) == len(EACH[kind])
    assert list(examples.read(path, kind)) == EACH[kind]


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "1"}', "7"])
def test_a_bad_line_names_its_place(line: str, tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text('{"id": "1", "text": "t", "pair": null, "label": "x"}\n' + line + "\n")
    with pytest.raises(DataError, match=r"examples\.jsonl:2: not a Classification"):
        list(examples.read(path, "classification"))


def test_half_a_character_is_named_with_its_example(tmp_path: Path) -> None:
    good, bad = Text("1", "👩"), Text("row 7", "a\ud83d b")
    with pytest.raises(DataError, match=r"^example 'row 7': U\+D83D is half a character"):
        examples.write([good, bad], tmp_path / "examples.jsonl")


def test_labels_are_those_that_occur_in_one_order() -> None:
    tagged = [Tagging("1", ("a", "b"), ("X", "A")), Tagging("2", ("a",), ("X",)), Tagging("3", (), ())]
    assert examples.labels(tagged) == ("A", "X")
    assert examples.labels([Classification("1", "t", None, label) for label in "yxy"]) == ("x", "y")
    assert examples.labels(EACH["choice"] + EACH["span"] + EACH["mlm"]) == ()


def test_gold_is_what_the_metrics_compare() -> None:
    assert examples.gold([Classification("1", "t", None, "x"), Choice("2", "c", ("a", "b"), 1)]) == ["x", 1]
    assert examples.gold([Tagging("1", ("w",), ("X",)), Question("2", "q", "c", ("c",), (0,))]) == [
        ("X",),
        ("c",),
    ]
    assert examples.gold([Pairing("7", "a", "b"), Pairing("8", "c", "d")]) == [0, 1]
