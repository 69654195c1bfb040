"""Exact match and F1 of answers: the MLQA script (Lewis et al. 2020), which normalises by language.

Punctuation is whatever Unicode calls so, and ASCII's symbols. Articles are those of the language; Hindi and
Chinese have none, and of Arabic every `ال` goes, also inside a word, as the script's pattern has it. Words
stand between spaces; in Chinese each character is one. The script knows the seven languages of MLQA; any
other is cut at spaces here and keeps its articles. The main value is XTREME's: the mean of both.
"""

import re
import string
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from xadapt.metrics import squad

_ARTICLES = {
    "en": re.compile(r"\b(a|an|the)\b"),
    "es": re.compile(r"\b(un|una|unos|unas|el|la|los|las)\b"),
    "vi": re.compile(r"\b(của|là|cái|chiếc|những)\b"),
    "de": re.compile(r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
    "ar": re.compile("ال"),
}
_CHINESE = re.compile("([\u4e00-\u9fa5])")


@cache
def _is_punctuation(char: str) -> bool:
    return char in string.punctuation or unicodedata.category(char).startswith("P")


def words(text: str, language: str) -> list[str]:
    """The words of an answer, lower case, without punctuation and articles - in this order."""
    text = "".join(char for char in text.lower() if not _is_punctuation(char))
    if language in _ARTICLES:
        text = _ARTICLES[language].sub(" ", text)
    return (_CHINESE.sub(r" \1 ", text) if language == "zh" else text).split()


def items(gold: Sequence[Any], predicted: Sequence[Any], language: str = "en") -> list[tuple[float, ...]]:
    """(exact match, F1, 1) per question, the best over its answers; a prediction of None scores 0."""
    return [_item(answers, mine, language) for answers, mine in zip(gold, predicted, strict=True)]


def _item(answers: Sequence[str], mine: str | None, language: str) -> tuple[float, float, float]:
    if mine is None:
        return 0.0, 0.0, 1.0
    said, right = words(mine, language), [words(answer, language) for answer in answers]
    return float(said in right), max((squad.overlap(said, each) for each in right), default=0.0), 1.0


def scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    return squad.scores(sums)
