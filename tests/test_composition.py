"""Compositions: the printed form is the parsed form, and a table says what is defined."""

import pytest

from xadapt.composition import FORMS, READ, TRAINED, Alone, Continue, Fuse, Stack, parse, supports
from xadapt.errors import ConfigError, UnknownName

NAMES = ("mnli", "squad", "hellaswag")


def parsed(text: str) -> list:
    return list(parse(text, NAMES, "e.toml:3: target.compositions[0]"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alone", [Alone()]),
        (" alone ( ) ", [Alone()]),
        ("stack(mnli)", [Stack(("mnli",))]),
        ("continue( squad )", [Continue(("squad",))]),
        ("fuse(squad,mnli)", [Fuse(("squad", "mnli"))]),
        ("fuse(all)", [Fuse(NAMES)]),
        ("stack(each)", [Stack((name,)) for name in NAMES]),
    ],
)
def test_what_is_written_is_read(text, expected):
    assert parsed(text) == expected


@pytest.mark.parametrize("form", FORMS)
def test_printing_and_parsing_are_inverse(form):
    least = FORMS[form](NAMES[: FORMS[form].fewest])
    assert parsed(str(least)) == [least]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fuse(mnli)", "has 1 part, fuse takes 2 or more"),
        ("fuse(each)", "has 1 part, fuse takes 2 or more"),
        ("stack(all)", "has 3 parts, stack takes 1"),
        ("stack", "has 0 parts, stack takes 1"),
        ("alone(mnli)", "has 1 part, alone takes 0"),
        ("fuse(mnli, mnli)", "names a task twice"),
        ("fuse(all, mnli)", "'each' and 'all' stand alone"),
        ("stak(mnli)", r"no composition 'stak'; did you mean 'stack'\?"),
        ("stack(mnli", "is not a composition"),
        ("stack(stack(mnli))", "is not a composition"),
        ("", "is not a composition"),
    ],
)
def test_what_is_no_composition_says_why(text, message):
    with pytest.raises(ConfigError, match=message):
        parsed(text)


def test_a_part_must_be_an_intermediate_task():
    with pytest.raises(UnknownName, match=r"compositions\[0\]: 'stack\(squat\)' names 'squat'.*'squad'\?"):
        parsed("stack(squat)")


@pytest.mark.parametrize("text", ["stack(each)", "fuse(all)"])
def test_ranging_over_nothing_is_an_error_not_an_empty_report(text):
    with pytest.raises(ConfigError, match="ranges over no intermediate task"):
        list(parse(text, ()))


def test_the_table_decides_for_every_pair():
    for method in TRAINED:
        for form in FORMS.values():
            composition = form(NAMES[: form.fewest])
            trained = supports(method, composition, trains=True)
            assert (trained is None) == (form.form in TRAINED[method])
            read = supports(method, composition, trains=False)
            assert (read is None) == (form.form in TRAINED[method] and form.form in READ)
    assert supports("full", Alone(), trains=True) == "alone is not defined for full"


def test_changing_the_leaves_keeps_the_form():
    assert Fuse(("a", "b")).map(str.upper) == Fuse(("A", "B"))
    assert Stack(("a",)) != Continue(("a",)), "equal parts under another form are another composition"
