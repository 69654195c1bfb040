"""The cells of an experiment with what the store knows of each, and means over them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from xadapt.errors import IntegrityError
from xadapt.experiment import Cell
from xadapt.report.difference import Interval, difference, mean_interval
from xadapt.report.quantised import quantised
from xadapt.stages.data import Data
from xadapt.workflow.record import Record
from xadapt.workflow.store import Store


class Row(NamedTuple):
    """What stands in one line of a table; cells that were selected otherwise stand in another."""

    composition: str
    recipe: str
    selection: str = "last"
    """How the weights were chosen; empty for a baseline."""

    @property
    def alone(self) -> "Row":
        """The same without any other module."""
        return self._replace(composition="alone")

    @property
    def baseline(self) -> bool:
        return not self.recipe


Part = Literal["all", "zero-shot", "en"]
"""Which languages: every one, all but English, English alone."""
BASELINE = Row("baseline", "", "")
"""The method of each task type; others have their name for a composition."""
Status = Literal["ok", "limited", "collapsed", "missing", "failed", "undefined"]
COUNTED = ("ok", "limited")
"""Only these enter a mean; a mean over fewer languages than asked for is marked."""


@dataclass(frozen=True)
class Result:
    """One cell; `folder` holds the score."""

    cell: Cell
    status: Status
    value: float | None
    metric: str
    folder: Path | None
    why: str = ""
    items: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Every number of the metric, the main one too."""
    at_chance: bool = False
    """Whether its interval reaches what the best constant answer scores."""
    rows: Mapping[str, Any] = field(default_factory=dict)
    """What became of the rows of its test data, where not all were kept for what they are."""
    bits: int | None = None
    """Of the frozen weights it stands on, where they were quantised."""

    @property
    def mark(self) -> str:
        """`*` for rows that were left out, `~` for chance."""
        return "*" * (self.status == "limited") + "~" * self.at_chance

    @property
    def digest(self) -> str:
        return self.cell.score.digest if self.cell.score else ""

    def as_json(self) -> dict[str, Any]:
        cell = self.cell
        return {
            "task": cell.task,
            "language": cell.language,
            "composition": cell.composition,
            "recipe": cell.recipe,
            "method": cell.method,
            "seed": cell.seed,
            "selection": cell.selection,
            "metric": self.metric,
            "value": self.value,
            "items": self.items,
            "digest": self.digest,
            "status": self.status,
            "at_chance": self.at_chance,
            "why": self.why,
            **({"rows": dict(self.rows)} if self.rows else {}),
            **({"bits": self.bits} if self.bits else {}),
        }


def results(cells: Iterable[Cell], store: Store) -> list[Result]:
    """Read each cell's score; one whose files were changed is failed, never shown."""
    found = [_result(cell, store) for cell in cells]
    predicted = [each.cell.score.predictions for each in found if each.cell.score]
    rows = {data: _rows(data, store) for data in dict.fromkeys(made.data for made in predicted)}
    bits = quantised(predicted, store)
    return [
        replace(each, rows=rows[score.predictions.data], bits=bits[score.predictions.digest])
        if (score := each.cell.score)
        else each
        for each in found
    ]


def _rows(data: Data, store: Store) -> dict[str, Any]:
    """Its notes on rows; none where nothing is special, or the data are no longer there."""
    if data not in store:
        return {}
    try:
        notes = Record.read(store.folder(data.digest)).notes
    except IntegrityError:
        return {}
    left = {why: count for why, count in notes.get("dropped", {}).items() if why != "limit"}
    odd = {name: found for name, found in (("dropped", left), ("flawed", notes.get("flawed"))) if found}
    return {"read": notes["read"], "kept": notes["kept"]} | odd if odd else {}


def _result(cell: Cell, store: Store) -> Result:
    if cell.score is None:
        return Result(cell, "undefined", None, "", None, cell.why)
    if cell.score not in store:
        failure = _failure(cell, store)
        return Result(cell, "failed" if failure else "missing", None, cell.score.metric, None, failure)
    try:
        folder = store.path(cell.score)
    except IntegrityError as error:
        return Result(cell, "failed", None, cell.score.metric, None, f"{error}; run again to make it anew")
    facts = json.loads((folder / "score.json").read_text(encoding="utf-8"))
    # A baseline may well say the same of every item: that is a finding, not a collapse.
    collapsed = facts["collapsed"] and cell.recipe
    status: Status = "collapsed" if collapsed else "limited" if cell.limited else "ok"
    value, metric = facts["value"], facts["metric"]
    why = f"one answer for all {facts['n']} items" if collapsed else ""
    found = Result(cell, status, value, metric, folder, why, items=facts["n"], metrics=facts["metrics"])
    # Scores that were stored before do not say it.
    return replace(found, at_chance=bool(cell.recipe) and facts.get("at_chance", False))


def _failure(cell: Cell, store: Store) -> str:
    """Why this score, or the first stage below it that failed, has no result."""
    waiting: list[Any] = [cell.score]
    while waiting:
        stage = waiting.pop()
        if found := store.failure(stage.digest):
            return str(found["error"])
        waiting.extend(needed for needed in stage.inputs.values() if needed not in store)
    return ""


@dataclass(frozen=True)
class Mean:
    """A row's mean for one task over languages and seeds; `of` asked for, `over` there."""

    value: float | None
    over: int
    of: int
    status: str
    """`ok`, or the worst status of its cells."""
    cells: tuple[Result, ...]

    @property
    def interval(self) -> Interval | None:
        """Over test items, of what is there."""
        return mean_interval([[r for r in self.cells if r.status in COUNTED]])

    def text(self) -> str:
        if self.status == "undefined":
            return "n/a"
        if self.value is None:
            return self.status
        there = "" if self.over == self.of else f" ({self.over}/{self.of})"
        counted = [result.mark for result in self.cells if result.status in COUNTED]
        mark = "".join(sign for sign in "*~" if any(sign in each for each in counted))
        return f"{self.value:.1f}{mark}{there}"


WORST = ("failed", "missing", "collapsed", "undefined", "limited", "ok")


def mean(found: Sequence[Result]) -> Mean:
    """The plain mean over languages and seeds, English included where the task has it."""
    counted = [r.value for r in found if r.status in COUNTED and r.value is not None]
    status = (
        next(status for status in WORST if any(r.status == status for r in found)) if found else "undefined"
    )
    value = sum(counted) / len(counted) if counted else None
    return Mean(value, len(counted), len(found), status, tuple(found))


@dataclass(frozen=True)
class Table:
    """Rows are compositions under recipes, columns are tasks."""

    rows: tuple[Row, ...]
    tasks: tuple[str, ...]
    results: tuple[Result, ...]

    @classmethod
    def of(cls, found: Sequence[Result]) -> "Table":
        rows = dict.fromkeys(row_of(result) for result in found)
        return cls(tuple(rows), tuple(dict.fromkeys(r.cell.task for r in found)), tuple(found))

    @cached_property
    def places(self) -> dict[tuple[Row, str], list[Result]]:
        """(row, task) -> its cells, in order."""
        found: dict[tuple[Row, str], list[Result]] = {}
        for result in self.results:
            found.setdefault((row_of(result), result.cell.task), []).append(result)
        return found

    @cached_property
    def _several(self) -> bool:
        return len({row.recipe for row in self.rows if row.recipe}) > 1

    def label(self, row: Row) -> str:
        """The composition, with its recipe where there are several."""
        return f"{row.composition} {row.recipe}".strip() if self._several else row.composition

    def name(self, row: Row) -> str:
        """The label, and how the weights were selected where they are not the last."""
        chosen = "" if row.selection in ("last", "") else f" ({row.selection})"
        return f"{self.label(row)}{chosen}"

    def cell(self, row: Row, task: str, part: Part = "all") -> Mean:
        """The mean of one row and task over some of the languages."""
        return mean([r for r in self.places.get((row, task), []) if _belongs(r.cell.language, part)])

    @cached_property
    def _differences(self) -> dict[tuple[Any, ...], Interval | None]:
        return {}

    def against(self, row: Row, other: Row, task: str, part: Part = "zero-shot") -> Interval | None:
        """Difference of two rows, paired over test items; None when either is not complete."""
        key = (row, other, task, part)
        if key not in self._differences:
            self._differences[key] = self._difference(row, other, task, part)
        return self._differences[key]

    def baseline(self, task: str) -> Row:
        """The baseline with the highest zero-shot mean: what a score must beat."""
        means = {row: self.cell(row, task, "zero-shot").value for row in self.rows if row.baseline}
        there = {row: value for row, value in means.items() if value is not None}
        return max(there, key=there.__getitem__, default=BASELINE)

    def _difference(self, row: Row, other: Row, task: str, part: Part) -> Interval | None:
        first, second = (self.cell(each, task, part) for each in (row, other))
        if first.over != first.of or second.over != second.of or not (first.over and second.over):
            return None
        return difference([(first.cells, second.cells)])


def row_of(result: Result) -> Row:
    return Row(result.cell.composition, result.cell.recipe, result.cell.selection)


def _belongs(language: str, part: Part) -> bool:
    return part == "all" or (language == "en") == (part == "en")
