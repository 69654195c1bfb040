"""What a submission is of: one composition, recipe and seed of an experiment."""

from collections.abc import Sequence
from dataclasses import dataclass

from xadapt.errors import ConfigError, UnknownName, nearest
from xadapt.experiment import Cell, Experiment
from xadapt.notation import parse


@dataclass(frozen=True)
class System:
    """One row of the report, with one seed."""

    composition: str
    recipe: str
    seed: int

    def made(self, cell: Cell) -> bool:
        """Whether a cell of the experiment is of this system."""
        return (cell.composition, cell.recipe, cell.seed) == (self.composition, self.recipe, self.seed)


def system(asked: Experiment, composition: str, recipe: str | None, seed: int | None) -> System:
    """The system of these names; what is None must be the only one of the experiment.

    Raises UnknownName with the nearest name, ConfigError where there are several to choose from.
    """
    return System(
        _composition(asked, composition),
        _one("--recipe", recipe, tuple(asked.methods)),
        int(_one("--seed", None if seed is None else str(seed), tuple(map(str, asked.seeds)))),
    )


def _composition(asked: Experiment, text: str) -> str:
    """As the report names it, which is one way to write it: `fuse(all)` is `fuse(mnli, squad)`."""
    known = [str(each) for each in asked.compositions]
    try:
        found = [str(each) for each in parse(text, asked.intermediate.tasks)]
    except (ConfigError, UnknownName):
        found = [text]
    if len(found) > 1:
        raise ConfigError(f"--composition: {text!r} are {len(found)} compositions; a submission is of one")
    if found[0] not in known:
        raise UnknownName(f"--composition: {text!r} is not in this experiment{nearest(text, known)}")
    return found[0]


def _one(flag: str, value: str | None, known: Sequence[str]) -> str:
    if value is None:
        if len(known) != 1:
            raise ConfigError(f"missing {flag}: the experiment has {', '.join(known)}")
        return known[0]
    if value not in known:
        raise UnknownName(f"{flag}: {value!r} is not in this experiment{nearest(value, known)}")
    return value
