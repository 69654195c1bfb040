"""The SQuAD v1.1 rules, one case each, computed by hand."""

import pytest

from xadapt.metrics import summary
from xadapt.metrics.squad import exact_match, f1, items, normalised


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Cat", "cat"),
        ("a cat, an owl; the end.", "cat owl end"),
        ("The  Quick, brown-fox a!", "quick brownfox"),
        ("an-other", "another"),  # punctuation goes before articles are looked for
        ("U.S.A.", "usa"),
        ("theatre", "theatre"),
        ("the", ""),
        ("«Ja»", "«ja»"),  # only ASCII punctuation
        ("北京。", "北京。"),
        ("Der Hund", "der hund"),  # only English articles
        ("\tx \n y ", "x y"),
    ],
)
def test_normalisation(text: str, expected: str) -> None:
    assert normalised(text) == expected


def test_f1_counts_repeated_words() -> None:
    assert f1("the cat sat", "cat sat down") == pytest.approx(0.8)
    assert f1("new new york", "new york") == pytest.approx(0.8)
    assert f1("x x y", "x y y") == pytest.approx(2 / 3)
    assert f1("a b c d", "b c x") == pytest.approx(2 / 3)
    assert f1("dog", "cat") == 0
    assert f1("the", "a") == 0  # nothing is left of either, and the script has no case for it
    assert exact_match("the", "a") == 1


def test_a_language_without_spaces_is_one_word() -> None:
    assert f1("北京市", "北京") == 0


def test_the_best_gold_answer_counts_for_each_measure_apart() -> None:
    assert items([("cat sat", "a dog here")], ["dog"]) == [(0.0, pytest.approx(2 / 3), 1.0)]
    assert items([("Paris", "in Paris")], ["paris"]) == [(1.0, 1.0, 1.0)]
    assert items([("Paris", "the city")], ["city"]) == [(1.0, 1.0, 1.0)]


def test_a_missing_prediction_scores_nothing() -> None:
    assert items([("x",), ()], [None, None]) == [(0.0, 0.0, 1.0), (0.0, 0.0, 1.0)]


def test_no_answer_is_right_only_when_none_is_given() -> None:
    assert items([(), ()], ["", "x"]) == [(1.0, 1.0, 1.0), (0.0, 0.0, 1.0)]


def test_the_main_value_is_the_mean_of_both() -> None:
    found = summary("squad", items([("cat",), ("cat sat",)], ["cat", "cat"]))
    assert list(found) == ["em_f1", "exact_match", "f1"]
    assert found == pytest.approx({"em_f1": 200 / 3, "exact_match": 50, "f1": 250 / 3})
