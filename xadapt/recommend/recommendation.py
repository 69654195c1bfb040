"""A recommendation: the ranking, what each method says, and what it would have cost to follow it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any, NamedTuple

from xadapt.errors import DataError
from xadapt.recommend.matrix import Matrix
from xadapt.recommend.methods import TITLES, Method, Said, said
from xadapt.recommend.question import Question
from xadapt.recommend.ranking import Groups, combined, mean_ranks, ordered, ranks
from xadapt.recommend.regret import random_regret, regret
from xadapt.workflow.context import Context

COMBINED, RANDOM = "mean of ranks", "random"
FIRST = (1, 3)
"""The k of regret@k."""


class Regret(NamedTuple):
    """Of one way to choose, in points; expected where `order` has equals. At random it is empty."""

    by: str
    order: Groups
    at: tuple[float, ...]
    """For each k of `FIRST`."""


@dataclass(frozen=True)
class Recommendation:
    """Of one question."""

    question: Question
    said: Said
    gains: Mapping[str, float]
    """Module -> the gain that was measured on this target, where it was; nothing above depends on it."""
    trained: Mapping[str, float]
    """Module -> seconds that the target took on it, where it has run."""
    seconds: float
    """That the methods took."""

    @cached_property
    def groups(self) -> Groups:
        """The modules, best first: by the mean of ranks, equals by what they brought to other targets."""
        return combined(self.said.scores, "prior")

    @cached_property
    def order(self) -> list[str]:
        """The same in one line; equals as the question names them."""
        return [name for group in self.groups for name in group]

    @cached_property
    def ranks(self) -> dict[Method, dict[str, float]]:
        return {method: ranks(scores) for method, scores in self.said.scores.items()}

    @cached_property
    def mean_ranks(self) -> dict[str, float]:
        return mean_ranks(self.said.scores)

    @cached_property
    def regrets(self) -> list[Regret]:
        """Of each method, the combination and chance; none where not every module has run on this target."""
        if not set(self.order) <= set(self.gains):
            return []
        gains = {name: self.gains[name] for name in self.question.names}
        orders = {COMBINED: self.groups} | {
            TITLES[method]: ordered(scores) for method, scores in self.said.scores.items()
        }
        made = [
            Regret(by, order, tuple(regret(gains, order, k) for k in FIRST)) for by, order in orders.items()
        ]
        return [*made, Regret(RANDOM, (), tuple(random_regret(gains, k) for k in FIRST))]

    @property
    def saved(self) -> float | None:
        """Seconds of trainings of the target that taking the first module spares, from the records."""
        others = [self.trained[name] for name in self.order[1:] if name in self.trained]
        return sum(others) if others else None

    def as_json(self) -> dict[str, Any]:
        asked = self.question
        return {
            "target": asked.target.name,
            "recipe": asked.recipe,
            "composition": asked.form,
            "selection": asked.selection,
            "languages": list(asked.counted),
            "ranking": [self._module(name) for name in self.order],
            "encoder": self.said.bare,
            "regret": [{"by": r.by, "order": [*map(list, r.order)]} | _at(r.at) for r in self.regrets],
            "trainings_saved": len(self.order) - 1 if asked.training is not None else 0,
            "seconds_saved": self.saved,
            "seconds": round(self.seconds, 2),
        }

    def _module(self, name: str) -> dict[str, Any]:
        scores = {method: found[name] for method, found in self.said.scores.items()}
        return {
            "module": name,
            "digest": self.question.modules[name].digest,
            "mean_rank": self.mean_ranks[name],
            "scores": scores,
            "ranks": {method: found[name] for method, found in self.ranks.items()},
            "same_data": name in self.question.same_data,
            "measured_gain": self.gains.get(name),
        }


def recommend(question: Question, matrix: Matrix, rows: int, context: Context) -> Recommendation:
    """Rank the modules of a question by at most `rows` training rows of each task, and by the matrix.

    Raises DataError where there is nothing to rank by.
    """
    started, target = time.monotonic(), question.target.name
    found = said(question, rows, context)
    if prior := matrix.prior(question.akin, question.names):
        found.scores["prior"] = prior
    if not found.scores:
        raise DataError(
            f"{target} trains nothing, and no other target with the same selection has run on all of "
            f"{', '.join(question.names)}",
            "`xadapt run` an experiment with other targets on these modules",
        )
    seconds = time.monotonic() - started
    return Recommendation(
        question, found, matrix.gains.get(target, {}), matrix.seconds.get(target, {}), seconds
    )


class MeanRegret(NamedTuple):
    """Over several targets, the same ones for every way to choose."""

    by: str
    selection: str
    targets: tuple[str, ...]
    at: tuple[float, ...]
    """For each k of `FIRST`."""

    def as_json(self) -> dict[str, Any]:
        return {"by": self.by, "selection": self.selection, "targets": list(self.targets)} | _at(self.at)


def _at(values: Sequence[float]) -> dict[str, float]:
    return {f"at_{k}": value for k, value in zip(FIRST, values, strict=True)}


def mean_regrets(every: Sequence[Recommendation]) -> list[MeanRegret]:
    """Over the targets that have a regret by every way to choose of any; none for fewer than two.

    Of each selection apart.
    """
    selections = dict.fromkeys(one.question.selection for one in every)
    return [
        mean
        for selection in selections
        for mean in _mean_regrets(selection, [one for one in every if one.question.selection == selection])
    ]


def _mean_regrets(selection: str, every: Sequence[Recommendation]) -> list[MeanRegret]:
    ways = {each.by for one in every for each in one.regrets}
    whole = [one for one in every if one.regrets and {each.by for each in one.regrets} == ways]
    if len(whole) < 2:
        return []
    targets = tuple(one.question.target.name for one in whole)
    return [
        MeanRegret(
            same[0].by, selection, targets, tuple(map(fmean, zip(*(each.at for each in same), strict=True)))
        )
        for same in zip(*(one.regrets for one in whole), strict=True)
    ]
