"""The files as XTREME's script reads them, and what is refused."""

import json

import pytest

from xadapt.examples import Choice, Classification, Pairing, Passage, Question, Tagging, asked
from xadapt.submission.formats import FORMATS
from xadapt.tasks import task

NLI = [Classification(str(i), "a", "b", label) for i, label in enumerate(("entailment", "neutral"))]
TAGGED = [
    Tagging("0", ("Sie", "geht"), ("PRON", "VERB")),
    Tagging("1", ("Ja", "!", "!"), ("INTJ", "PUNCT", "PUNCT")),
]
QUESTIONS = [
    Question("b-1", "wer?", "Ana 安娜", ("Ana",), (0,)),
    Question("a-2", "wo?", "in Rom", ("Rom",), (3,)),
]
CHOICES = [Choice("0", "c", ("x", "y"), 1), Choice("1", "c", ("x", "y"), 0)]
PAIRS = [
    Pairing("0", "b-fremd", "Well then."),
    Pairing("1", "a-fremd", "\tA word "),
    Pairing("2", "c-fremd", "A word"),
    Pairing("3", "d-fremd", "a word"),
]
SEARCH = [
    Passage("de-1", "eins", "query", ("en-1",)),
    Passage("de-2", "zwei", "query"),
    Passage("de-3", "drei", "query", ("en-2", "en-3")),
    *(Passage(f"en-{i}", "text", "candidate") for i in range(1, 5)),
]
CASES = {
    "xnli": (NLI, ["neutral", "neutral"], "neutral\nneutral\n"),
    "udpos": (TAGGED, [["X", "VERB"], ["INTJ", "SYM", "SYM"]], "X\nVERB\n\nINTJ\nSYM\nSYM\n"),
    "xquad": (QUESTIONS, ["安", ""], '{\n"b-1": "\\u5b89",\n"a-2": ""\n}\n'),
    "xcopa": (CHOICES, [0, 1], '{"label": 0}\n{"label": 1}\n'),
    "tatoeba": (PAIRS, [0, 3, 2, 1], "3\n2\n0\n1\n"),
    "bucc2018": (
        SEARCH,
        [{"targets": ["en-1"]}, None, {"targets": ["en-3", "en-4"]}],
        "de-1\ten-1\nde-3\ten-3\nde-3\ten-4\n",
    ),
    "mewslix": (
        SEARCH,
        [["en-2", "en-1"], ["en-4"], []],
        '{\n"de-1": ["en-2", "en-1"],\n"de-2": ["en-4"],\n"de-3": []\n}\n',
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_is_the_official_form_and_reads_back_the_same(name):
    examples, predicted, text = CASES[name]
    form = FORMATS[task(name).type]
    assert form.write(asked(examples), predicted) == text
    assert form.read(text, examples, task(name)) == predicted
    assert form.suffix == {"xquad": "json", "mewslix": "json", "xcopa": "jsonl"}.get(name, "tsv")


def test_tatoeba_lines_follow_the_sorted_english_side_as_in_xtreme():
    """The official labels are the places of the sorted sentences in the unsorted file."""
    right = list(range(len(PAIRS)))
    labels = [i for _, i in sorted(((p.target.strip(), i) for i, p in enumerate(PAIRS)), key=lambda x: x[0])]
    assert labels == [1, 2, 0, 3], "capitals before small letters, equal sentences in order"
    lines = FORMATS["retrieval"].write(PAIRS, right).splitlines()
    assert [int(line) for line in lines] == labels


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("xnli", "neutral\n", "1 lines for 2 test examples"),
        ("xnli", "", "0 lines for 2 test examples"),
        ("xnli", "neutral\nneutral\n\n", "3 lines for 2 test examples"),
        ("xnli", "neutral\nNeutral\n", "line 2: 'Neutral' is none of"),
        ("udpos", "X\nVERB\n", "1 sentences for 2 test examples"),
        ("udpos", "X\nVERB\n\nINTJ\nSYM\n", "sentence 2: 2 tags for 3 words"),
        ("udpos", "X\nVERB\n\nINTJ\nNOM\nSYM\n", "line 5: 'NOM' is none of"),
        ("xquad", '{"b-1": "x"}', "1 of 2 ids are missing, the first is 'a-2'"),
        ("xquad", '{"b-1": "x", "a-2": "y", "c": "z"}', "1 ids are of no test example, the first is 'c'"),
        ("xquad", '{"b-1": "x", "a-2": ["y"]}', "id 'a-2': ['y'] is not text"),
        ("xquad", '["x", "y"]', "not one object with ids"),
        ("xquad", '{"b-1": "x', "line 1 column 9"),
        ("xcopa", '{"label": 0}\n{"label": 2}\n', "line 2: '{\"label\": 2}' has no label from 0 to 1"),
        ("xcopa", '{"label": 0}\n{"label": true}\n', "no label from 0 to 1"),
        ("xcopa", "0\n1\n", "line 1: '0' has no label"),
        ("tatoeba", "0\n1\n2\n4\n", "line 4: '4' is no place from 0 to 3"),
        ("tatoeba", "0\n1\n2\n-1\n", "line 4: '-1' is no place"),
        ("bucc2018", "de-1\ten-1\nde-2 en-1\n", "line 2: 'de-2 en-1' is the id of no test example"),
        ("bucc2018", "de-1\tde-2\n", "line 1: 'de-2' is the id of no test example"),
        ("bucc2018", "de-1\ten-1\nde-1\ten-1\n", "line 2: 'de-1\\ten-1' stands there twice"),
        ("mewslix", '{"de-1": [], "de-2": []}', "1 of 3 ids are missing, the first is 'de-3'"),
        ("mewslix", '{"de-1": ["en-9"], "de-2": [], "de-3": []}', "id 'de-1': 'en-9' is the id of no test"),
        ("mewslix", '{"de-1": ["en-1", "en-1"], "de-2": [], "de-3": []}', "at most 20 candidates, each once"),
        ("mewslix", '{"de-1": "en-1", "de-2": [], "de-3": []}', "id 'de-1': not a list"),
    ],
)
def test_what_is_no_prediction_for_each_example_is_refused_by_line_and_value(name, text, message):
    with pytest.raises(ValueError) as error:
        FORMATS[task(name).type].read(text, CASES[name][0], task(name))
    assert message in str(error.value)


def test_answers_are_ascii_whatever_the_script():
    text = FORMATS["span"].write(QUESTIONS, ["ရန်ကုန်", "\u200d🙂"])
    assert text.isascii() and json.loads(text) == {"b-1": "ရန်ကုန်", "a-2": "\u200d🙂"}
