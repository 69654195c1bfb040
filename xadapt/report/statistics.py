"""Whether a gain over `alone` is more than chance, among all the gains that a table shows.

The interval of a gain is the percentile interval of a bootstrap that is paired over test items (Efron &
Tibshirani 1993, chapter 13): what another test set would change. Seeds are not in it. The p-value is
two-sided, from the standard error of the same bootstrap: counting the resamples cannot go below
2 / (RESAMPLES + 1), which no cell of a large table would pass once corrected. With several seeds the standard
error of their mean is added, what another training would change: it is estimated from two or three values, so
that part has Student's t. Holm (1979) corrects for the number of gains in one table.

A bootstrap of a few items that all agree has no spread at all. A paired test that flips signs (Fisher 1935)
cannot go below 2 / 2^items, so no p-value here does: five items or fewer show nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xadapt.report.behrens_fisher import two_sided
from xadapt.report.difference import Interval, differences, spread
from xadapt.report.table import Mean, Part, Result, Row, Table

LEVEL = 0.05
NOTE = (
    "Interval: 95 %, bootstrap over test items, the same draw for both rows, every seed and all languages of "
    "a target with as many items; without the spread over seeds. Significance (†): two-sided p-value from "
    "the bootstrap's standard error, normal, and where there are several seeds that of their mean, of "
    "Student's t (Behrens-Fisher), below 0.05 after Holm's correction for the number of gains in the table; "
    "never with five items or fewer."
)


@dataclass(frozen=True)
class Gain:
    """Of one row over `alone` in one task, in points."""

    interval: Interval
    p: float
    adjusted: float
    """p after Holm's correction for all gains of the table."""
    by_seed: tuple[float, ...]
    """The gain of each seed."""

    @property
    def significant(self) -> bool:
        return self.adjusted < LEVEL

    @property
    def includes_zero(self) -> bool:
        return includes_zero(self.interval)

    @property
    def deviation(self) -> float | None:
        """Standard deviation over seeds; None for one."""
        return _deviation(self.by_seed)


Gains = Mapping[tuple[Row, str], Gain]


def gains(table: Table, part: Part) -> dict[tuple[Row, str], Gain]:
    """Every gain over `alone` that both rows have in full, corrected together."""
    found = {(row, task): _gain(table, row, task, part) for row in compared(table) for task in table.tasks}
    there = {place: gain for place, gain in found.items() if gain is not None}
    adjusted = holm([gain.p for gain in there.values()])
    pairs = zip(there.items(), adjusted, strict=True)
    return {place: replace(gain, adjusted=value) for (place, gain), value in pairs}


def compared(table: Table) -> list[Row]:
    """The rows that have an `alone` of the same recipe and selection."""
    return [row for row in table.rows if row != row.alone and row.alone in table.rows]


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values after the step-down correction of Holm (1979), in the order given."""
    order = sorted(range(len(ps)), key=ps.__getitem__)
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, ps[place] * (len(ps) - rank)))
        adjusted[place] = highest
    return adjusted


def p_value(drawn: Any, by_seed: Sequence[float], items: int) -> float:
    """Of no difference, two-sided; `drawn` is [1 + RESAMPLES], as measured first, from so many test items."""
    value, of_items = float(drawn[0]), float(drawn[1:].std(ddof=1))
    if value == 0:
        return 1.0
    # As a power of a float, of many items it is 0 and no error.
    least = 2 * 0.5**items
    of_seeds = (_deviation(by_seed) or 0.0) / math.sqrt(max(len(by_seed), 1))
    if of_items == of_seeds == 0:
        return least
    return max(least, two_sided(value, of_items, of_seeds, len(by_seed) - 1))


def includes_zero(found: Interval) -> bool:
    return found[1] <= 0 <= found[2]


def _gain(table: Table, row: Row, task: str, part: Part) -> Gain | None:
    first, second = (table.cell(each, task, part) for each in (row, row.alone))
    if not (_whole(first) and _whole(second)):
        return None
    drawn = differences([(first.cells, second.cells)])
    if drawn is None:
        return None
    by_seed = _by_seed(first.cells, second.cells)
    # Languages of a parallel test set have the same items.
    p = p_value(drawn, by_seed, max(result.items for result in first.cells))
    return Gain(spread(drawn), p, p, by_seed)


def _whole(found: Mean) -> bool:
    return found.over == found.of > 0


def _by_seed(first: Sequence[Result], second: Sequence[Result]) -> tuple[float, ...]:
    """Their differences, where both have the same seeds."""
    mine, theirs = _seeds(first), _seeds(second)
    return tuple(mine[seed] - theirs[seed] for seed in mine) if mine.keys() == theirs.keys() else ()


def _seeds(found: Sequence[Result]) -> Mapping[int, float]:
    values: dict[int, list[float]] = {}
    for result in found:
        assert result.value is not None, "a whole mean has every value"
        values.setdefault(result.cell.seed, []).append(result.value)
    return {seed: sum(each) / len(each) for seed, each in values.items()}


def _deviation(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
