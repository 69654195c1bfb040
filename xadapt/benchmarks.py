"""XTREME and XTREME-R as data: tasks, groups and languages, and how scores become averages.

The rule is that of XTREME's `evaluate.py`. A task is the plain mean over its languages, English included; a
QA task counts the mean of exact match and F1; a group is the mean of its tasks; the overall score is the mean
of the tasks, not of the groups.

For XTREME-R the official script cannot give an overall score, since it lists no languages for LAReQA. Ours is
the same rule: the mean of its ten tasks, LAReQA with mAP@20 over all its questions, Mewsli-X with MRR@20.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from xadapt.task import Task

Name = Literal["xtreme", "xtreme-r"]
Lacking = Literal["failed", "collapsed", "missing", "n/a"]
"""Why there is no score, the worst first; n/a where none is defined."""


@dataclass(frozen=True)
class Published:
    """One row of scores that others published: a task's mean over its languages, in percent."""

    name: str
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Its languages stand with the tasks: see `languages`."""

    title: str
    groups: Mapping[str, tuple[str, ...]]
    rule: str
    """Of its overall score, for a reader of a report."""
    without_file: tuple[str, ...] = ()
    """Tasks that its submission folder has no place for."""
    published: tuple[Published, ...] = ()
    published_as: str = ""
    """How the published rows were made, and where they stand."""
    published_model: str = ""
    """The encoder of the published rows: only scores of the same one stand beside them."""

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(name for group in self.groups.values() for name in group)


BENCHMARKS: dict[Name, Benchmark] = {
    "xtreme": Benchmark(
        title="XTREME",
        groups={
            "classification": ("xnli", "pawsx"),
            "tagging": ("udpos", "panx"),
            "qa": ("xquad", "mlqa", "tydiqa"),
            "retrieval": ("bucc2018", "tatoeba"),
        },
        rule="overall: mean of the nine tasks, as XTREME's evaluate.py has it",
        published=(
            Published(
                "XLM-R Large",
                {"xnli": 79.2, "pawsx": 86.4, "panx": 65.4, "xquad": 76.6, "mlqa": 71.6, "tydiqa": 65.1},
            ),
            Published(
                "X-STILTs",
                {"xnli": 80.4, "pawsx": 87.7, "panx": 64.7, "xquad": 77.2, "mlqa": 72.3, "tydiqa": 76.0},
            ),
        ),
        published_as="published, full fine-tuning, test, QA = F1 only (google-research/multilingual-t5)",
        published_model="FacebookAI/xlm-roberta-large",
    ),
    "xtreme-r": Benchmark(
        title="XTREME-R",
        groups={
            "classification": ("xnli", "xcopa"),
            "tagging": ("udpos", "panx"),
            "qa": ("xquad", "mlqa", "tydiqa"),
            "retrieval": ("tatoeba", "mewslix", "lareqa"),
        },
        rule="overall: mean of the ten tasks, our rule, since the official script cannot give one; "
        "the official retrieval group leaves lareqa out",
        without_file=("lareqa",),
    ),
}


def languages(what: Task, benchmark: Name) -> tuple[str, ...]:
    """Test languages of a task in one benchmark."""
    return what.languages + what.wider if benchmark == "xtreme-r" else what.languages


@dataclass(frozen=True)
class Average:
    """A mean that says what it lacks: `over` of `of` scores are there, one a task, language and seed."""

    value: float | None
    over: int
    of: int
    status: Lacking = "missing"
    """What is shown where there is no value."""

    def text(self, mark: str = "") -> str:
        """`61.2`, or `61.2 (63/162)` where scores are missing; the status without a value."""
        if self.value is None:
            return self.status
        return f"{self.value:.1f}{mark}" + ("" if self.over == self.of else f" ({self.over}/{self.of})")


@dataclass(frozen=True)
class Averages:
    """Of one system on one benchmark."""

    tasks: Mapping[str, Average]
    groups: Mapping[str, Average]
    overall: Average


@dataclass(frozen=True)
class Scores:
    """The scores of one task that are there, in percent, and how many there should be."""

    values: Sequence[float] = field(default_factory=tuple)
    of: int = 0
    status: Lacking = "missing"
    """Of those that are not there."""


def averages(benchmark: Benchmark, found: Mapping[str, Scores]) -> Averages:
    """The averages of the scores of every task of `benchmark`; KeyError for a task that `found` lacks."""
    tasks = {name: _mean(found[name]) for name in benchmark.tasks}
    groups = {group: _over(tasks[name] for name in members) for group, members in benchmark.groups.items()}
    return Averages(tasks, groups, _over(tasks.values()))


def _mean(found: Scores) -> Average:
    values = found.values
    return Average(sum(values) / len(values) if values else None, len(values), found.of, found.status)


def _over(tasks: Iterable[Average]) -> Average:
    """The mean of the tasks that have a value; what they lack is counted on."""
    every = tuple(tasks)
    values = [each.value for each in every if each.value is not None]
    value = sum(values) / len(values) if values else None
    status = worst(each.status for each in every if each.value is None)
    return Average(value, sum(each.over for each in every), sum(each.of for each in every), status)


def worst(found: Iterable[Lacking]) -> Lacking:
    """The worst of them; `missing` for none."""
    return min(found, key=get_args(Lacking).index, default="missing")
