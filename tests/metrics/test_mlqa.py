"""The rules of the MLQA script, language by language, computed by hand."""

import pytest

from xadapt.metrics import summary
from xadapt.metrics.mlqa import items, words


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The  Cat, an owl & a DOG!", "cat owl dog"),
        ("en", "theatre der la", "theatre der la"),
        ("en", "an-other", "another"),  # punctuation goes before articles are looked for
        ("en", "«Ja» — 5 € “x”", "ja 5 € x"),  # what Unicode calls punctuation; a currency sign is none
        ("en", "a $5 + x^2", "5 x2"),  # ASCII's symbols are
        ("es", "La casa de los Unas, ¿el río?", "casa de río"),
        ("es", "él lo the", "él lo the"),
        ("de", "Die Hauptstadt des Landes, einem Ort", "hauptstadt landes ort"),
        ("de", "Derby dies", "derby dies"),
        ("vi", "Những cuốn sách của tôi là cái này", "cuốn sách tôi này"),
        ("vi", "laa", "laa"),
        ("hi", "यह एक किताब है।", "यह एक किताब है"),  # the danda is punctuation, and there are no articles
        ("ar", "البيت الكبير", "بيت كبير"),
        ("ar", "سؤال جيد", "سؤ جيد"),  # inside a word too
        ("ar", "ما؟", "ما"),
        ("zh", "北京市，2008年", "北 京 市 2008 年"),
        ("zh", "在 New York 的the人", "在 new york 的 the 人"),  # Latin words stay whole, articles stay
        ("zh", "《红楼梦》。", "红 楼 梦"),
        ("zh", "カフェ 龥龦", "カフェ 龥 龦"),  # kana and what is beyond U+9FA5 are letters of words
        ("qaa", "La the casa!", "la the casa"),
    ],
)
def test_words(language: str, text: str, expected: str) -> None:
    assert words(text, language) == expected.split()


def test_chinese_is_compared_by_characters_and_only_chinese() -> None:
    # Two of three characters are right: precision 1, recall 2/3.
    assert items([("北京市",)], ["北京"], "zh") == [(0.0, pytest.approx(0.8), 1.0)]
    assert items([("北京市",)], ["北京"], "en") == [(0.0, 0.0, 1.0)]
    assert items([("北 京",)], ["北京。"], "zh") == [(1.0, 1.0, 1.0)]


def test_an_article_of_another_language_is_a_word() -> None:
    assert items([("der Hund",)], ["Hund"], "de") == [(1.0, 1.0, 1.0)]
    assert items([("der Hund",)], ["Hund"], "en") == [(0.0, pytest.approx(2 / 3), 1.0)]


def test_the_best_answer_counts_for_each_measure_and_none_scores_nothing() -> None:
    assert items([("la casa roja", "casa")], ["casa"], "es") == [(1.0, 1.0, 1.0)]
    assert items([("x",)], [None], "de") == [(0.0, 0.0, 1.0)]
    assert items([("die",)], ["der"], "de") == [(1.0, 0.0, 1.0)]  # nothing is left of either


def test_the_main_value_is_the_mean_of_both() -> None:
    found = summary("mlqa", items([("el gato",), ("gato negro",)], ["gato", "gato"], "es"))
    assert list(found) == ["em_f1", "exact_match", "f1"]
    assert found == pytest.approx({"em_f1": 200 / 3, "exact_match": 50, "f1": 250 / 3})
