"""The tables of an experiment file, as values."""

from dataclasses import dataclass, field, fields
from typing import Literal

from xadapt import benchmarks, presets
from xadapt.errors import ConfigError
from xadapt.recipe import Architecture, Full, Recipe
from xadapt.sources.origin import World
from xadapt.task import Task
from xadapt.toml import Changes

Split = Literal["train_rows", "dev_rows", "test_rows"]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """How many rows are used; in the toy world how many are made."""

    train_rows: int | None = None
    dev_rows: int | None = None
    """Of the data that weights are selected on."""
    test_rows: int | None = None


@dataclass(frozen=True, kw_only=True)
class DataTable(Rows):
    """`[data]`: where rows come from, and how many."""

    world: World = "hub"
    languages: tuple[str, ...] = ()
    """Test languages; all of each task's when empty."""
    task: dict[str, Rows] = field(default_factory=dict)

    def rows(self, name: str, split: Split) -> int | None:
        own = self.task.get(name)
        found: int | None = getattr(own, split) if own and getattr(own, split) else getattr(self, split)
        return found


@dataclass(frozen=True, kw_only=True)
class RecipeTable(Recipe):
    """`[recipe.NAME]`: a recipe, with changes for task types and for single tasks."""

    preset: presets.Name | None = None
    """Where the values that the file does not give come from; they are written out when it is read."""
    type: dict[str, Changes[Recipe]] = field(default_factory=dict)
    task: dict[str, Changes[Recipe]] = field(default_factory=dict)

    @property
    def own(self) -> Recipe:
        """Without its changes for types and tasks: of a module that several tasks train."""
        return Recipe(**{f.name: getattr(self, f.name) for f in fields(Recipe)})

    def of(self, what: Task) -> Recipe:
        """The recipe for one task; changes for the task come last. Raises ConfigError for one of no use."""
        recipe = self.own
        for changes in (self.type.get(what.type), self.task.get(what.name)):
            recipe = changes.of(recipe) if changes else recipe
        if what.type == "span" and recipe.stride >= recipe.max_length:
            raise ConfigError(
                f"{what.name}: stride {recipe.stride} leaves nothing new in {recipe.max_length} tokens",
                "give a stride below max_length",
            )
        if what.type == "ranking" and recipe.batch < 2:
            raise ConfigError(
                f"{what.name}: a batch of 1 has no other candidate to tell apart", "give a batch of 2 or more"
            )
        return recipe


@dataclass(frozen=True, kw_only=True)
class EncoderTable:
    """`[encoder]`: pretrain an encoder on text first, in place of `[model]`."""

    texts: tuple[str, ...]
    """Datasets by their place in a data folder, `<name>/<config>/<split>`."""
    rows: int | None = None
    architecture: Architecture = field(default_factory=Architecture)
    recipe: Recipe = field(default_factory=lambda: Recipe(method=Full()))
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """`[mlm]`: the text that `... + mlm` mixes into a training, in the languages it should keep."""

    texts: tuple[str, ...] = ("text/mixed/train",)
    """Datasets by their place in a data folder, `<name>/<config>/<split>`."""
    rows: int | None = None
    share: float = 0.1
    """Of the steps, from 0 to below 1."""


@dataclass(frozen=True, kw_only=True)
class HubAdapter:
    """`{ hub = "owner/name", ... }`: a language adapter on the hub."""

    hub: str
    revision: str = "main"
    """The lock file says which commit it was."""


@dataclass(frozen=True, kw_only=True)
class LanguagesTable:
    """`[languages]`: MAD-X, a frozen adapter of its language below everything (Pfeiffer et al. 2020)."""

    adapters: dict[str, str | HubAdapter] = field(default_factory=dict)
    """Language -> a folder in AdapterHub's layout, from the folder of the experiment file, or on the hub."""
    train: tuple[str, ...] = ()
    """Languages whose adapter is trained here by masked language modelling."""
    texts: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    """Language -> its text for `train`, by place in a data folder, `<name>/<config>/<split>`."""
    rows: int | None = None
    """Of text in each language."""
    recipe: str = ""
    """The `[recipe.NAME]` of `train`; it trains no other modules."""
    seed: int = 1
    fallback: Literal["refuse", "en"] = "refuse"
    """What is done for a language without an adapter; `en` predicts on the English one."""

    @property
    def known(self) -> tuple[str, ...]:
        """Languages with an adapter."""
        return (*self.adapters, *self.train)


@dataclass(frozen=True, kw_only=True)
class IntermediateTable:
    """`[intermediate]`"""

    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HubTable:
    """`{ hub = "owner/name", ... }`: one split of a dataset on the hub."""

    hub: str
    split: str
    config: str = "default"
    revision: str | None = None
    """40 hex digits; without it the lock file says it."""
    files: str = ""
    """Pattern of the data files in the repository, where its card does not say which they are."""


@dataclass(frozen=True, kw_only=True)
class TaskTable:
    """`[tasks.NAME]`: a task of the user's own data. A path starts from the folder of the experiment file."""

    type: Literal["classification", "choice", "tagging", "span", "retrieval", "mlm"]
    metric: str | None = None
    """The usual one of its type when not given."""
    labels: tuple[str, ...] = ()
    """In the order of their numbers in the data; those of the training data when not given."""
    columns: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    """Our field -> the column, where it has another name."""
    train: str | HubTable | None = None
    test: dict[str, str | HubTable] = field(default_factory=dict)
    """Language, by code or name -> its test data."""
    trains_as: str | None = None
    """In place of `train`: the task whose training is used, as XNLI uses MNLI's."""


@dataclass(frozen=True, kw_only=True)
class TargetTask:
    """`[target.task.NAME]`: one target that takes other compositions than the rest."""

    compositions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TargetTable:
    """`[target]`"""

    benchmark: benchmarks.Name = "xtreme"
    """Whose languages are tested, and whose averages the report gives."""
    tasks: tuple[str, ...] = ()
    compositions: tuple[str, ...] = ("alone",)
    task: dict[str, TargetTask] = field(default_factory=dict)

    def of(self, name: str) -> tuple[str, ...]:
        """The compositions asked for under one target, as written."""
        return self.task[name].compositions if name in self.task else self.compositions
