"""Running plans: what is missing runs once, failures stay local, kills and corruption are survived."""

import pickle
import subprocess
import sys
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from xadapt.errors import DoesNotFit, TrainingFailed, XadaptError
from xadapt.workflow import execute
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

from .fakes import Word

A = Word(text="a")
B = Word(text="b", needs=(A,))
C = Word(text="c", needs=(A, B))


@pytest.fixture
def context(tmp_path) -> Context:
    return Context(store=Store(tmp_path / "runs"))


def text(context: Context, stage: Word) -> str:
    return (context.store.path(stage) / "text.txt").read_text()


@pytest.mark.parametrize("workers", [1, 2])
def test_runs_inputs_first_and_again_nothing(context, workers):
    outcomes = list(run(Plan.of([C, B]), context, workers=workers))
    assert [o.status for o in outcomes] == ["done"] * 3
    assert text(context, C) == "a a b c"
    assert list(run(Plan.of([C, B]), context, workers=workers)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_holds_back_only_what_needs_it(context, workers):
    bad = Word(text="bad", needs=(A,))
    above = Word(text="above", needs=(bad, B))
    outcomes = list(run(Plan.of([above, C]), context, workers=workers))
    assert {o.stage.text: o.status for o in outcomes} == {
        "a": "done",
        "b": "done",
        "c": "done",
        "bad": "failed",
    }
    failed = next(o for o in outcomes if o.status == "failed")
    assert isinstance(failed.error, TrainingFailed) and above not in context.store
    assert context.store.failure(bad.digest)["error"] == "bad: loss nan at step 3"
    assert context.store.failure(bad.digest)["code"] == 7


def test_companions_run_in_one_call_and_say_so(context):
    group = [Word(text=t, needs=(A,)) for t in ("k1", "k2", "k3")]
    plan = Plan.of([*group])
    assert [len(g) for g in plan.groups(2)] == [1, 2, 1]
    assert [o.status for o in run(plan, context, together=2)] == ["done"] * 4
    record = context.store.record(group[0].digest)
    assert record.notes["together"] == sorted(s.digest for s in group[:2])


class Held:
    """What a training holds: a model, gradients."""


@dataclass(frozen=True, kw_only=True)
class Holding(Word):
    """Notes how much of what earlier ones held is still there, and fails when its text says so."""

    seen: ClassVar[list[int]] = []
    alive: ClassVar[weakref.WeakSet] = weakref.WeakSet()

    def run(self, out, context):
        self.seen.append(len(self.alive))
        model = Held()
        self.alive.add(model)
        if self.text == "k bad":
            raise TrainingFailed("loss nan")
        if self.text == "k large":
            raise RuntimeError("CUDA out of memory")
        return super().run(out, context)


@pytest.mark.parametrize("faulty", ["k bad", "k large"])
def test_of_companions_only_the_faulty_one_fails_and_nothing_holds_its_memory(context, faulty):
    group = [Holding(text=text) for text in ("k1", faulty, "k2")]
    outcomes = list(run(Plan.of([*group]), context, together=3))
    assert {o.stage.text: o.status for o in outcomes} == {"k1": "done", faulty: "failed", "k2": "done"}
    assert Holding.seen == [0] * len(Holding.seen) and len(Holding.seen) > 3
    assert not len(Holding.alive), "the outcomes are still there"


@dataclass(frozen=True, kw_only=True)
class Large(Word):
    """As torch says it, which workflow does not know."""

    def run(self, out, context):
        if self.text == "k large":
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee the documentation")
        return super().run(out, context)


@pytest.mark.parametrize("workers", [1, 2])
def test_want_of_memory_is_one_line_that_names_the_stage(context, workers):
    group = [Large(text=text) for text in ("k1", "k large")]
    outcomes = {o.stage.text: o for o in run(Plan.of([*group]), context, together=2, workers=workers)}
    assert outcomes["k1"].status == "done"
    error = outcomes["k large"].error
    assert isinstance(error, DoesNotFit) and "--memory" in error.hint
    assert error.message == "word k large: out of memory (CUDA out of memory. Tried to allocate 2.00 GiB.)"
    failure = context.store.failure(group[1].digest)
    assert failure["code"] == 6 and "in run\n" in failure["traceback"], "where it arose"


@dataclass(frozen=True, kw_only=True)
class Together(Word):
    """Notes who was in each call, and fails as its text says."""

    calls: ClassVar[list[str]] = []

    @classmethod
    def run_together(cls, stages, outs, context):
        cls.calls.append(" ".join(stage.text for stage in stages))
        for stage in stages:
            if stage.text == "k-nan":
                raise TrainingFailed("k-nan: loss nan at step 3", digest=stage.digest)
        if len(stages) > 2 and "-large" in stages[0].text:
            raise DoesNotFit("out of memory in step 1")
        return super().run_together(stages, outs, context)


@pytest.mark.parametrize(
    ("texts", "calls"),
    [
        (["k1", "k-nan", "k2", "k3"], ["k1 k-nan k2 k3", "k1 k2 k3"]),
        (["k-nan", "k1"], ["k-nan k1", "k1"]),
        (["k-nan"], ["k-nan"]),
        ([f"k-large{n}" for n in range(5)], ["0 1 2 3 4", "0 1", "2 3 4", "2", "3 4"]),
    ],
)
def test_what_fails_of_a_group_is_not_all_trained_again_alone(context, texts, calls):
    group = [Together(text=text) for text in texts]
    Together.calls.clear()
    outcomes = list(run(Plan.of(group), context, together=9))
    assert [call.replace("k-large", "") for call in Together.calls] == calls
    assert {o.stage.text for o in outcomes if o.status == "failed"} == {"k-nan"} & set(texts)
    assert len(outcomes) == len(texts)
    for stage in group:
        failed = stage.text == "k-nan"
        assert (context.store.failure(stage.digest) is not None) == failed == (stage not in context.store)
    if texts[0] == "k1":
        assert len(context.store.record(group[0].digest).notes["together"]) == 3


def test_an_error_names_its_stage_in_other_processes_too():
    error = pickle.loads(pickle.dumps(TrainingFailed("loss nan", "try a lower lr", "ab")))
    assert (error.message, error.hint, error.digest) == ("loss nan", "try a lower lr", "ab")
    assert isinstance(error, XadaptError) and error.code == 7


@pytest.mark.parametrize("workers", [1, 2])
def test_of_companions_those_that_need_a_broken_input_wait_for_it_and_run_together(
    context, workers, monkeypatch
):
    other = Word(text="b")
    group = [Word(text=f"k{n}", needs=((A, other)[n // 2],)) for n in range(4)]
    plan = Plan.of([*group])
    list(run(Plan.of([A, other]), context))
    (context.store.folder(A.digest) / "text.txt").write_text("x")
    # As of a file that is too large to be read at the start.
    monkeypatch.setattr(execute, "LARGEST_READ", 0)
    fresh = Context(store=Store(context.store.root))
    outcomes = list(run(plan, fresh, together=4, workers=workers))
    assert sorted(o.stage.text for o in outcomes if o.status == "done") == ["a", "k0", "k1", "k2", "k3"]
    beside = [fresh.store.record(stage.digest).notes["together"] for stage in group]
    assert beside[0] == beside[1] == sorted(s.digest for s in group[:2])
    assert beside[2] == beside[3] == sorted(s.digest for s in group[2:])
    assert text(fresh, group[0]) == "a k0"


def test_a_run_leaves_what_another_one_has_mended_in_the_meantime(context, monkeypatch):
    list(run(Plan.of([B]), context))
    place = context.store.folder(A.digest) / "text.txt"
    place.write_text("x")
    check, seen = Store.check, []

    def late(store, stage, largest):
        """The other run is between the look and the move."""
        try:
            check(store, stage, largest)
        except BaseException:
            if not seen:
                seen.append(stage)
                monkeypatch.setattr(Store, "check", check)
                assert [o.stage for o in run(Plan.of([B]), Context(store=Store(store.root)))] == [A]
            raise

    monkeypatch.setattr(Store, "check", late)
    outcomes = list(run(Plan.of([B]), Context(store=Store(context.store.root))))
    assert seen == [A] and all(o.status == "done" for o in outcomes)
    assert place.read_text() == "a" and len(list((context.store.root / ".quarantine").iterdir())) == 1


def test_several_workers_begin_with_what_most_still_hangs_on(context):
    chain = Word(text="first")
    for text in ("second", "third", "fourth"):
        chain = Word(text=text, needs=(chain,))
    plan = Plan.of([*(Word(text=f"s{number}") for number in range(6)), chain])
    assert [plan.ahead[stage.digest] / plan.stages[0].work for stage in plan.stages] == [1] * 6 + [4, 3, 2, 1]
    assert all(outcome.status == "done" for outcome in run(plan, context, workers=2))
    ran = (context.store.root / ".ran").read_text().split()
    assert ran.index("first") < 3 and len(ran) == 10


def test_groups_depend_on_the_plan_alone():
    stages = [Word(text=f"k{n}", needs=(A,)) for n in range(5)]
    plan = Plan.of(stages)
    assert plan.groups(3) == Plan.of(stages).groups(3)
    deeper = Word(text="k9", needs=(stages[0],))
    groups = Plan.of([*stages, deeper]).groups(9)
    assert (deeper,) in groups, "a stage is never grouped with one it needs"


def test_a_corrupt_input_is_set_aside_and_made_again(context):
    list(run(Plan.of([B]), context))
    (context.store.folder(A.digest) / "text.txt").write_text("x")
    fresh = Context(store=Store(context.store.root))
    outcomes = list(run(Plan.of([C]), fresh))
    assert {o.stage.text for o in outcomes if o.status == "done"} == {"a", "c"}
    assert text(fresh, C) == "a a b c"
    assert len(list((context.store.root / ".quarantine").iterdir())) == 1


def test_what_is_corrupt_below_a_finished_stage_is_made_again(context):
    list(run(Plan.of([C]), context))
    (context.store.folder(A.digest) / "text.txt").write_text("x")
    fresh = Context(store=Store(context.store.root))
    assert [o.stage for o in run(Plan.of([C]), fresh)] == [A]
    assert text(fresh, A) == "a" and list(run(Plan.of([C]), fresh)) == []


SCRIPT = """
import sys
from pathlib import Path
from tests.workflow.fakes import Word
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store
a = Word(text="a")
goals = [Word(text=t, needs=(a,)) for t in sys.argv[2:]]
print([o.status for o in run(Plan.of(goals), Context(store=Store(Path(sys.argv[1]))))])
"""


def script(store: Path, *words: str) -> subprocess.Popen:
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(store), *words], stdout=subprocess.PIPE, text=True, cwd=root
    )


def test_kill_nine_in_the_middle_leaves_a_store_that_continues(context):
    assert script(context.store.root, "killed").wait() == -9
    stage = Word(text="killed", needs=(A,))
    assert A in context.store and stage not in context.store
    assert list(context.store.root.glob("*/.writing-*")), "the killed writer's scratch is still there"
    list(run(Plan.of([B]), context))
    assert not list(context.store.root.glob("*/.writing-*"))
    assert [error for _, error in context.store.verify() if error] == []


def test_two_processes_share_the_work_without_harm(context):
    both = [script(context.store.root, "slow", "b"), script(context.store.root, "slow", "b")]
    results = [process.communicate()[0] for process in both]
    assert all("failed" not in result for result in results)
    ran = (context.store.root / ".ran").read_text().split()
    assert sorted(ran) == ["a", "b", "slow"], "each stage is made once"
    assert [error for _, error in context.store.verify() if error] == []
