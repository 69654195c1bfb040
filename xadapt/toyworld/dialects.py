"""The languages: one record of grammar each. The invented ones have ISO 639 codes of private use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

_LATIN = "abcdefghijklmnopqrstuvwxyz"
ALPHABETS: Final[dict[str, dict[str, str]]] = {
    "latin": {},
    "cyrillic": dict(zip(_LATIN, "абцдефгхийклмнопкрстувщъыз", strict=True)),
    "greek": dict(zip(_LATIN, "αβκδεφγηιγκλμνοπκρστυβωξυζ", strict=True)),
    "georgian": dict(zip(_LATIN, "აბცდეფგჰიჯკლმნოპქრსტუვწხყზ", strict=True)),
}


@dataclass(frozen=True)
class Dialect:
    """Order is a string of slots: S agent, V verb, O patient, R recipient, P place, T day."""

    code: str
    order: str
    script: str = "latin"
    adjective_first: bool = True
    negation_after: bool = False
    articles: bool = False
    adposition: Literal["before", "after"] | None = "before"
    copula: bool = True
    asks_in_place: bool = False
    plural: str = ""
    past: str = ""
    case: Mapping[str, str] = field(default_factory=dict)  # suffix by slot, in place of an adposition
    same_names: float = 0.0  # share of names written as in English
    cognates: float = 0.0  # share of content words that look like the English ones
    syllables: tuple[str, str, str, str] = ("", "", "", "")  # onsets, vowels, codas, word endings


DIALECTS: Final = {
    dialect.code: dialect
    for dialect in (
        Dialect("en", "SVORPT", articles=True, same_names=1.0),
        Dialect(
            "qaa",
            "SVORPT",
            adjective_first=False,
            articles=True,
            plural="es",
            past="ó",
            same_names=0.65,
            cognates=0.25,
            syllables=("b c d f g l m n p r s t v br tr pl", "a e i o u", " l n r s", "o a e"),
        ),
        Dialect(
            "qab",
            "TSPROV",
            negation_after=True,
            adposition=None,
            copula=False,
            asks_in_place=True,
            plural="lar",
            past="dı",
            case={"O": "ı", "R": "ya", "P": "da", "T": "ün", "F": "çin"},
            same_names=0.65,
            cognates=0.08,
            syllables=("b d g h k l m n s t y z ş ç", "a e ı i o u ü", " k l n r ş m", ""),
        ),
        Dialect(
            "qac",
            "TSVORP",
            script="cyrillic",
            copula=False,
            plural="и",
            past="ал",
            case={"O": "у", "R": "ом"},
            same_names=0.35,
            cognates=0.04,
            syllables=("b d g k l m n p r s t v z h sv st", "a e i o u", " k n t r v", " a o"),
        ),
        Dialect(
            "qad",
            "VSORPT",
            script="greek",
            adjective_first=False,
            articles=True,
            plural="οι",
            past="ησε",
            same_names=0.35,
            cognates=0.04,
            syllables=("b d f g k l m n p r s t x z", "a e i o u", " n s r", "os a i"),
        ),
        Dialect(
            "qae",
            "TSORPV",
            script="georgian",
            adposition="after",
            asks_in_place=True,
            plural="ებ",
            past="და",
            same_names=0.35,
            cognates=0.04,
            syllables=("b d g k l m n p q r s t w x h", "a e i o u", " l m r", " i a"),
        ),
    )
}
LANGUAGES: Final = tuple(DIALECTS)
