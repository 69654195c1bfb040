"""Compositions as values, and the table that says what is defined."""

from xadapt.composition import FORMS, READ, TRAINED, Alone, Chain, Continue, Fuse, Merge, Stack, supports

NAMES = ("mnli", "squad", "hellaswag")


def test_the_table_decides_for_every_pair():
    for method in TRAINED:
        for form in FORMS.values():
            composition = form(NAMES[: form.fewest])
            trained = supports(method, composition, trains=True)
            assert (trained is None) == (form.form in TRAINED[method])
            read = supports(method, composition, trains=False)
            assert (read is None) == (form.form in TRAINED[method] and form.form in READ)
    assert supports("full", Fuse(NAMES), trains=True) == "fuse is not defined for full"


def test_changing_the_parts_keeps_form_and_options():
    assert Fuse(("a", "b")).map(str.upper) == Fuse(("A", "B"))
    assert Merge(("a", "b"), "ties", density=0.5).map(str.upper) == Merge(("A", "B"), "ties", density=0.5)
    assert Stack(("a",)) != Continue(("a",)), "equal parts under another form are another composition"


def test_the_tasks_are_the_leaves():
    assert list(Fuse((Chain(("mnli", "squad")), "mnli")).tasks()) == ["mnli", "squad", "mnli"]
    assert list(Alone().tasks()) == []


def test_what_a_bottleneck_cannot_merge():
    linear = Stack((Merge(NAMES[:2]),))
    assert supports("bottleneck", linear, trains=True) is None
    ties = Stack((Merge(NAMES[:2], "ties", density=0.5),))
    assert (
        supports("bottleneck", ties, trains=True)
        == "merge by ties is not defined for bottleneck, only linear"
    )
    assert supports("lora", ties, trains=True) is None
    ranked = Fuse((Merge(NAMES[:2], rank=4), "squad"))
    assert supports("bottleneck", ranked, trains=True) == "merge to a rank is not defined for bottleneck"
