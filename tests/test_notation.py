"""Compositions as they are written: what is read, what has no meaning and why; printing inverts it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xadapt.composition import (
    Alone,
    Chain,
    Composition,
    Continue,
    Fuse,
    Gate,
    Merge,
    Multitask,
    Stack,
    WithText,
)
from xadapt.errors import ConfigError, UnknownName, XadaptError
from xadapt.notation import module, parse

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
        ("gate(all)", [Gate(NAMES)]),
        ("stack(each)", [Stack((name,)) for name in NAMES]),
        ("stack(multitask(all))", [Stack((Multitask(NAMES),))]),
        ("fuse(chain(mnli, squad), hellaswag)", [Fuse((Chain(("mnli", "squad")), "hellaswag"))]),
        (
            "fuse(chain(mnli, squad), chain(squad, mnli))",
            [Fuse((Chain(NAMES[:2]), Chain(("squad", "mnli"))))],
        ),
        ("continue(mnli+mlm)", [Continue((WithText(("mnli",)),))]),
        ("stack(each + mlm)", [Stack((WithText((name,)),)) for name in NAMES]),
        ("merge(all)", [Merge(NAMES)]),
        (
            "stack(merge(mnli, squad; how=dare, density=.5, seed=3))",
            [Stack((Merge(NAMES[:2], "dare", (), 0.5, None, 3),))],
        ),
        (
            "merge(all; how=ties, density=0.2, weights=[1, -0.5, 2e-1], rank=8)",
            [Merge(NAMES, "ties", (1.0, -0.5, 0.2), 0.2, 8)],
        ),
    ],
)
def test_what_is_written_is_read(text, expected):
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fuse(mnli)", "has 1 part, fuse takes 2 or more"),
        ("fuse(each)", "has 1 part, fuse takes 2 or more"),
        ("stack(all)", "has 3 parts, stack takes 1"),
        ("stack", "has 0 parts, stack takes 1"),
        ("alone(mnli)", "has 1 part, alone takes 0"),
        ("fuse(mnli, mnli)", "has one part twice"),
        ("stack(multitask(mnli, mnli))", "names a task twice"),
        ("fuse(all, mnli)", "'each' or 'all', which stand alone"),
        ("stak(mnli)", r"no composition 'stak'; did you mean 'stack'\?"),
        ("stack(mnli", "is not a composition"),
        ("stack(mnli))", "is not a composition"),
        ("", "is not a composition"),
        ("3", "is not a composition"),
        ("stack(§)", "is not a composition"),
        ("stack(stack(mnli))", "has stack inside: it stands under a target"),
        ("mnli", r"'mnli' is a module; under a target write continue\(mnli\) or stack\(mnli\)"),
        ("multitask(mnli, squad)", "is a module; under a target write"),
        ("stack(multitask(mnli, chain(squad, mnli)))", "has chain inside: multitask takes tasks only"),
        ("stack(chain(mnli, merge(squad, hellaswag)))", "has merge behind the first part of a chain"),
        ("stack(chain(mnli, chain(squad, hellaswag)))", "has chain behind the first part of a chain"),
        ("stack(merge(mnli, squad) + mlm)", "adds mlm to merge, which trains nothing"),
        ("stack(mnli + mlm + mlm)", r"adds mlm to \+ mlm"),
        ("fuse(all + mlm)", "is not a composition"),
        ("stack(mnli + nlm)", "adds something else than mlm"),
        ("merge(mnli, squad; how=tie)", r"merges by 'tie'; did you mean 'ties'\?"),
        ("merge(mnli, squad; den=1)", r"gives merge an option 'den'; did you mean 'density'\?"),
        ("fuse(mnli, squad; how=linear)", "gives fuse an option 'how'"),
        ("merge(mnli, squad; rank=2, rank=3)", "gives rank twice"),
        ("merge(mnli, squad; rank=1.5)", "gives rank = '1.5', which is no count"),
        ("merge(mnli, squad; rank=99999999999)", "gives rank = '99999999999', more than 1,000,000,000"),
        ("merge(mnli, squad; weights=[1e300, 1])", r"gives weights = '1e300', more than 1,000,000,000"),
        ("merge(mnli, squad; rank=0)", "gives rank 0, which is below 1"),
        ("merge(mnli, squad; weights=1)", "gives weights without brackets"),
        ("merge(mnli, squad; weights=[1])", "gives 1 weights to 2 parts"),
        ("merge(mnli, squad; weights=[0, 0])", "gives every part the weight 0"),
        ("merge(mnli, squad; weights=[1, nan])", "'nan', which is no number"),
        ("merge(mnli, squad; how=ties)", "needs a density above 0, at most 1, to merge by ties"),
        ("merge(mnli, squad; how=dare, density=0)", "needs a density above 0"),
        ("merge(mnli, squad; density=0.5)", "gives a density to linear"),
        ("merge(mnli, squad; seed=1)", "gives a seed to linear"),
        ("stack(" * 12 + "mnli" + ")" * 12, "is more than 8 deep"),
        ("merge(mnli, squad; rank=1" + "0" * 400 + ")", r"gives rank = '10{99}\.\.\.', which is no count$"),
    ],
)
def test_what_is_no_composition_says_why(text, message):
    with pytest.raises(ConfigError, match=message):
        parsed(text)


def test_a_long_text_does_not_bury_what_is_wrong_with_it():
    with pytest.raises(ConfigError, match="is more than 8 deep") as caught:
        parsed("stack(" * 500 + "mnli" + ")" * 500)
    assert len(caught.value.message) < 200


def test_a_part_must_be_an_intermediate_task():
    with pytest.raises(UnknownName, match=r"compositions\[0\]: 'stack\(squat\)' names 'squat'.*'squad'\?"):
        parsed("stack(squat)")


@pytest.mark.parametrize("text", ["stack(each)", "fuse(all)"])
def test_ranging_over_nothing_is_an_error_not_an_empty_report(text):
    with pytest.raises(ConfigError, match="ranges over no intermediate task"):
        list(parse(text, ()))


def test_a_module_by_itself():
    assert list(module("chain(mnli, squad)", NAMES)) == [Chain(("mnli", "squad"))]
    assert list(module("squad", NAMES)) == ["squad"]
    with pytest.raises(ConfigError, match="stack stands under a target and is no module"):
        list(module("stack(mnli)", NAMES))


def _several(parts, most=3):
    return st.lists(parts, min_size=2, max_size=most, unique=True).map(tuple)


TASKS = st.sampled_from(NAMES)
MIXTURES = _several(TASKS).map(Multitask)
TRAINABLE = TASKS | MIXTURES
NUMBERS = st.floats(-4, 4).filter(bool)


@st.composite
def merges(draw, parts):
    chosen = draw(_several(parts))
    how = draw(st.sampled_from(["linear", "ties", "dare"]))
    return Merge(
        chosen,
        how,
        draw(st.just(()) | st.tuples(*[NUMBERS] * len(chosen))),
        None if how == "linear" else draw(st.floats(0, 1, exclude_min=True)),
        draw(st.none() | st.integers(1, 99)),
        draw(st.integers(0, 9)) if how == "dare" else 0,
    )


def _chains(parts):
    later = TRAINABLE | TRAINABLE.map(lambda part: WithText((part,)))
    made = st.tuples(parts, st.lists(later, min_size=1, max_size=2)).map(lambda both: (both[0], *both[1]))
    return made.filter(lambda parts: len(set(parts)) == len(parts)).map(Chain)


def _with_text(parts):
    return parts.map(lambda part: WithText((part,)))


MODULES = st.recursive(
    TRAINABLE | _with_text(TRAINABLE),
    lambda parts: _chains(parts) | merges(parts) | _with_text(_chains(parts)),
    max_leaves=6,
)
COMPOSITIONS = (
    st.just(Alone())
    | MODULES.map(lambda part: Continue((part,)))
    | MODULES.map(lambda part: Stack((part,)))
    | _several(MODULES).map(Fuse)
    | _several(MODULES).map(Gate)
    | merges(MODULES)
)


@pytest.mark.slow
@settings(deadline=None, max_examples=300, derandomize=True)
@given(COMPOSITIONS)
def test_printing_and_parsing_are_inverse(composition):
    assert parsed(str(composition)) == [composition]
    assert set(composition.tasks()) <= set(NAMES)


@settings(deadline=None, max_examples=500, derandomize=True)
@given(st.text(alphabet="stackfuemrgl(mnli,squad) each+[]=;.01 ", max_size=40))
def test_no_text_is_more_than_an_error(text):
    try:
        found = parsed(text)
    except XadaptError as error:
        assert "\n" not in error.message and error.message.startswith("e.toml:3:")
    else:
        assert found and all(isinstance(one, Composition) for one in found)
