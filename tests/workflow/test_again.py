"""One stage: picked out of a plan, and made a second time beside its result."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from xadapt.errors import IntegrityError, UnknownName
from xadapt.workflow.again import make_again
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

from .fakes import Word

A = Word(text="a")
B = Word(text="b", needs=(A,))


@dataclass(frozen=True, kw_only=True)
class Counting(Stage):
    """Not deterministic: writes how often it ran, and remembers it as a checkpoint would."""

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        count = context.store.root / "count"
        count.write_text(str(int(count.read_text()) + 1 if count.exists() else 1))
        context.store.progress(self.digest).mkdir(parents=True)
        (out / "fixed.txt").write_text("x")
        (out / "count.txt").write_text(count.read_text())
        return {}


@dataclass(frozen=True, kw_only=True)
class Crowd(Stage):
    """Its last bits depend on who runs beside it, as sums of a batched product do."""

    number: int

    def companions(self) -> str:
        return "crowd"

    @classmethod
    def run_together(cls, stages: Any, outs: Any, context: Context) -> dict[str, dict[str, Any]]:
        for out in outs:
            (out / "size.txt").write_text(str(len(stages)))
        return {}


@pytest.fixture
def context(tmp_path) -> Context:
    return Context(store=Store(tmp_path / "runs"))


def test_the_same_files_are_identical_and_nothing_is_left(context):
    list(run(Plan.of([B]), context))
    before = sorted(p for p in context.store.root.rglob("*") if p.is_file())
    found = make_again(B, context)
    assert found.identical and found.same == ("text.txt",)
    assert sorted(p for p in context.store.root.rglob("*") if p.is_file()) == before


def test_a_difference_names_the_file_and_keeps_what_is_stored(context):
    list(run(Plan.of([Counting()]), context))
    found = make_again(Counting(), context)
    assert (found.same, found.different) == (("fixed.txt",), ("count.txt",))
    assert (context.store.path(Counting()) / "count.txt").read_text() == "1"
    assert not context.store.progress(Counting().digest).exists()


def test_companions_run_beside_it_again(context):
    plan = Plan.of([Crowd(number=n) for n in range(3)])
    list(run(plan, context, together=3))
    assert make_again(plan.stages[1], context, plan.stages).identical
    assert not make_again(plan.stages[1], context).identical


def test_what_was_never_made_or_was_changed_is_refused(context):
    with pytest.raises(UnknownName, match="is not in the store"):
        make_again(A, context)
    list(run(Plan.of([A]), context))
    (context.store.folder(A.digest) / "text.txt").write_text("x")
    with pytest.raises(IntegrityError, match="changed since"):
        make_again(A, Context(store=Store(context.store.root)))


def test_one_stage_of_a_plan_with_what_it_needs():
    plan = Plan.of([B, Word(text="c")])
    assert plan.only(B.digest[:10]).stages == (A, B)
    for prefix in ("", "zz", "0" * 64):
        with pytest.raises(UnknownName, match="no stages of this experiment start so"):
            plan.only(prefix)
