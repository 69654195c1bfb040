"""Rows are a function of dataset, config, split and number alone, and say the same in every language."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from tests.toyworld.said import NOT_SAID, Row, config_of, meant, rows, sentences, texts
from xadapt import toyworld
from xadapt.toyworld.datasets import SPLITS
from xadapt.toyworld.dialects import LANGUAGES

RETRIEVAL = ("tatoeba", "bucc18")
IN_EVERY_LANGUAGE = sorted(set(toyworld.DATASETS) - {*RETRIEVAL, "text"})
PRINT_DIGEST = """
import hashlib, json
from xadapt import toyworld
worlds = toyworld.DATASETS.values()
found = [list(toyworld.rows(d.name, d.configs[-1], split, 6)) for d in worlds for split in d.splits]
print(hashlib.sha256(json.dumps(found).encode()).hexdigest())
"""


def test_rows_are_the_same_in_every_process() -> None:
    def digest(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", PRINT_DIGEST]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    found = [
        list(toyworld.rows(known.name, known.configs[-1], split, 6))
        for known in toyworld.DATASETS.values()
        for split in known.splits
    ]
    here = hashlib.sha256(json.dumps(found).encode()).hexdigest()
    assert [digest("1").strip(), digest("2").strip()] == [here, here]


@pytest.mark.parametrize("name", toyworld.DATASETS)
def test_more_rows_begin_with_the_same_rows(name: str) -> None:
    known = toyworld.DATASETS[name]
    for config in (known.configs[0], known.configs[-1]):
        for split in known.splits:
            few = list(toyworld.rows(name, config, split, 7))
            assert len(few) == 7
            assert few == list(toyworld.rows(name, config, split, 23))[:7]


def labels(row: Row) -> list[object]:
    """What a row says besides text. Tags of names: a marked name is one token in each language."""
    names = sorted(set(row.get("ner_tags", ())) - {"O"})
    return [names, *(row.get(column) for column in ("label", "answerKey", "idx", "ind"))]


@pytest.mark.parametrize("name", IN_EVERY_LANGUAGE)
@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_row_i_says_the_same_in_every_language(name: str, language: str) -> None:
    """Each text has the same names, numbers and content words, and of two synonyms the same one."""
    english, other = rows(name, config_of(name, "en")), rows(name, config_of(name, language))
    for number, (first, second) in enumerate(zip(english, other, strict=True)):
        assert first.keys() == second.keys()
        said = [meant(text, "en") for text in texts(first)]
        assert any(said) and said == [meant(text, language) for text in texts(second)], number
        assert labels(first) == labels(second)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["xquad", "mlqa", "tydiqa", "squad_v2"])
def test_answers_are_the_same_in_every_language(name: str, language: str) -> None:
    for first, second in zip(
        rows(name, config_of(name, "en")), rows(name, config_of(name, language)), strict=True
    ):
        expected, found = (
            [meant(text, code) for text in row["answers"]["text"]]
            for row, code in ((first, "en"), (second, language))
        )
        assert expected == found


def test_mlqa_asks_in_another_language_than_it_tells() -> None:
    both, told, asked = (rows("mlqa", config, limit=20) for config in ("qab.qac", "qab.qab", "qac.qac"))
    for row, context, question in zip(both, told, asked, strict=True):
        assert row["context"] == context["context"] and row["answers"] == context["answers"]
        assert row["question"] == question["question"]


def content(row: Row) -> str:
    said = {
        key: value
        for key, value in row.items()
        if key not in NOT_SAID - {"ctx_b"} and key not in ("idx", "ind")
    }
    return json.dumps(said, sort_keys=True, ensure_ascii=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(toyworld.DATASETS) - {"text"}))
def test_no_row_is_in_two_splits(name: str) -> None:
    found = (rows(name, config_of(name, "qae"), split, 600) for split in SPLITS)
    train, dev, test = ({content(row) for row in each} for each in found)
    assert not train & dev and not train & test and not dev & test


@pytest.mark.slow
@pytest.mark.parametrize("name", ["udpos", "panx", "ccg", "commonsense_qa", "tatoeba", "bucc18"])
def test_no_sentence_is_in_two_splits(name: str) -> None:
    columns = {"commonsense_qa": "question", "tatoeba": "target_sentence", "bucc18": "target_sentence"}
    found = ([row[columns.get(name, "tokens")] for row in rows(name, "qab", split, 600)] for split in SPLITS)
    train, dev, test = (
        {said for told in each for said in sentences(told if isinstance(told, str) else " ".join(told))}
        for each in found
    )
    assert not train & dev and not train & test and not dev & test


@pytest.mark.parametrize("name", ["squad_v2", "xquad", "mlqa", "tydiqa", "lareqa", "cosmos_qa", "anli"])
def test_no_identifier_is_in_two_rows(name: str) -> None:
    found = [row for split in SPLITS for row in rows(name, config_of(name, "qab"), split)]
    assert len({row["uid" if name == "anli" else "id"] for row in found}) == len(found)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("xnly", "en", "test"), "the toy world has no dataset 'xnly'; the nearest is 'xnli'"),
        (("xnli", "qa", "test"), "the toy world has no config of xnli 'qa'; the nearest is 'qa"),
        (("mlqa", "en", "test"), "the toy world has no config of mlqa 'en'; the nearest is 'en.en'"),
        (("tatoeba", "en", "test"), "the toy world has no config of tatoeba 'en'; the nearest is 'q"),
        (("xnli", "en", "dev"), "the toy world has no split of xnli 'dev'; the nearest is '"),
        (("xnli", "en", "tset"), "the toy world has no split of xnli 'tset'; the nearest is 'test'"),
        (("panx", "en", "pool_source"), "the toy world has no split of panx 'pool_source'; the nearest is '"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(call: tuple[str, str, str], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        toyworld.rows(*call, limit=1)
    assert str(caught.value).startswith(message)
