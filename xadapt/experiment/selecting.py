"""How a recipe selects the weights behind a cell, and on which development data."""

from collections.abc import Callable
from dataclasses import dataclass

from xadapt.experiment.tables import RecipeTable
from xadapt.recipe import Select
from xadapt.stages.data import Data, Dev
from xadapt.task import Sources, Task


@dataclass(frozen=True)
class Selecting:
    """Development data of an experiment: `data` reads sources of a task."""

    task: Callable[[str], Task]
    data: Callable[[Task, Sources], Data]

    def trainer(self, what: Task) -> Task:
        """The task whose training a task uses."""
        return what if what.trains_as is None else self.task(what.trains_as)

    def how(self, what: Task, recipe: RecipeTable) -> Select:
        """How the weights behind a target are chosen; what trains nothing of its own has no oracle."""
        if what.train is None:
            return "last" if recipe.select == "oracle" else recipe.select
        return recipe.of(self.trainer(what)).select

    def dev(self, what: Task) -> Dev | None:
        """English data of a task that trains."""
        return None if what.dev is None else Dev(data=self.data(what, what.dev), metric=what.metric)

    def oracle(self, what: Task, language: str) -> Dev:
        """Data of a test language."""
        assert what.dev_of is not None, "checked when the file was loaded"
        return Dev(data=self.data(what, what.dev_of(language)), metric=what.metric)
