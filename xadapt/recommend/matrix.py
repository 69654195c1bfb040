"""The measured matrix: what each module brought to each target that has been run, and what that cost."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from xadapt.experiment import Cell
from xadapt.recommend.question import Question
from xadapt.report import table
from xadapt.report.table import Result
from xadapt.report.trainings import training
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.workflow.store import Store


@dataclass(frozen=True)
class Matrix:
    """Target -> module -> gain over `alone` in points, the mean over languages and seeds.

    A gain is there where every score that belongs to it is.
    """

    gains: Mapping[str, Mapping[str, float]]
    seconds: Mapping[str, Mapping[str, float]]
    """Target -> module -> what training the target on it took, over all seeds."""

    def prior(self, akin: Collection[str], modules: Sequence[str]) -> dict[str, float]:
        """The mean gain of each module on the other targets, of those that have one for every module.

        None of `akin` enters: the target itself, and those that are scored with its training. Empty where no
        target is left.
        """
        others = [row for name, row in self.gains.items() if name not in akin and set(modules) <= set(row)]
        return {name: fmean(row[name] for row in others) for name in modules} if others else {}


def measured(question: Question, store: Store) -> Matrix:
    """Read it from the store, for the recipe, composition, selection and languages of the question."""
    names = {str(question.composition(name)): name for name in question.names}
    cells = [
        cell
        for cell in question.asked.cells()
        if (cell.recipe, cell.selection) == (question.recipe, question.selection)
        and (cell.composition == "alone" or cell.composition in names)
    ]
    found: dict[tuple[str, str], list[Result]] = {}
    for result in table.results(cells, store):
        cell = result.cell
        found.setdefault((cell.task, names.get(cell.composition, "")), []).append(result)
    gains: dict[str, dict[str, float]] = {}
    seconds: dict[str, dict[str, float]] = {}
    for (task, name), results in found.items():
        if name and (gain := _gain(results, found.get((task, ""), []), question.languages)) is not None:
            gains.setdefault(task, {})[name] = gain
        if name and (cost := _seconds((result.cell for result in results), store)):
            seconds.setdefault(task, {})[name] = cost
    return Matrix(gains, seconds)


def _gain(with_it: Sequence[Result], alone: Sequence[Result], languages: Sequence[str]) -> float | None:
    first, second = (table.mean(_counted(each, languages)) for each in (with_it, alone))
    if first.value is None or second.value is None or (first.over, second.over) != (first.of, second.of):
        return None
    return first.value - second.value


def _counted(results: Sequence[Result], languages: Sequence[str]) -> list[Result]:
    """Those languages; without English when none are named, unless it is tested in nothing else."""
    if languages:
        return [result for result in results if result.cell.language in languages]
    return [result for result in results if result.cell.language != "en"] or list(results)


def _seconds(cells: Iterable[Cell], store: Store) -> float:
    """Of the trainings of the target itself, without those of modules."""
    trained = {}
    for cell in cells:
        made = cell.score.predictions if cell.score is not None else None
        if isinstance(made, Predict) and isinstance(made.module, Train):
            trained[made.module.digest] = made.module
    every = (training(stage, store) for stage in trained.values())
    return sum(one.seconds for one in every if one is not None)
