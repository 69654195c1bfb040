"""Codes, aliases and names of languages."""

import pytest

from xadapt import toyworld
from xadapt.errors import UnknownName
from xadapt.languages import ALIASES, LANGUAGES, TOY_LANGUAGES, language


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("jp", "ja"),
        ("zh-CN", "zh"),
        ("iw", "he"),
        ("in", "id"),
        ("cmn", "zh"),
        ("swh", "sw"),
        ("pes", "fa"),
        ("Greek", "el"),
        ("  Tagalog ", "tl"),
        ("EN", "en"),
    ],
)
def test_aliases(name: str, code: str) -> None:
    assert language(name).code == code


def test_the_tables_hold_together() -> None:
    assert all(code in LANGUAGES for code in ALIASES.values())
    assert not {alias for alias in ALIASES if alias in LANGUAGES}, "an alias hides a code"
    assert all(entry.code == code and entry.family and entry.script for code, entry in LANGUAGES.items())
    assert len({entry.name for entry in LANGUAGES.values()}) == len(LANGUAGES)


XLM_R = """
af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr
hu hy id is it ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps
pt ro ru sa sd si sk sl so sq sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh
"""
"""Appendix A of Conneau et al. 2020, without the romanised ones."""


def test_every_language_of_the_encoder_is_known() -> None:
    assert set(XLM_R.split()) <= set(LANGUAGES)


def test_the_toy_world_speaks_known_languages() -> None:
    assert set(toyworld.LANGUAGES) == {"en", *TOY_LANGUAGES}


def test_an_unknown_language_names_the_nearest() -> None:
    with pytest.raises(
        UnknownName, match=r"target\.languages: no language 'swahilli'; did you mean 'swahili'"
    ):
        language("swahilli", "target.languages")
    with pytest.raises(UnknownName, match=r"known are af, am, ar,.* and \d+ more$"):
        language("xx")
