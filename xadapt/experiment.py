"""An experiment file, and the scores it asks for."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from xadapt import toml
from xadapt.composition import Alone, Composition, parse, supports
from xadapt.errors import ConfigError, DataError, UnknownName, nearest
from xadapt.recipe import Architecture, Full, ModelSpec, Reading, Recipe
from xadapt.stages.baseline import Baseline
from xadapt.stages.data import Data, World, origin
from xadapt.stages.encoder import Encoder
from xadapt.stages.predict import Predict
from xadapt.stages.score import Score
from xadapt.stages.train import Train
from xadapt.task import Source, Task
from xadapt.tasks import task
from xadapt.toml import Changes
from xadapt.workflow.record import file_sha256

TOY_TRAIN_ROWS, TOY_TEST_ROWS = 4000, 400


@dataclass(frozen=True, kw_only=True)
class Rows:
    """How many rows are used; in the toy world how many are made."""

    train_rows: int | None = None
    test_rows: int | None = None


@dataclass(frozen=True, kw_only=True)
class DataTable(Rows):
    """`[data]`: where rows come from, and how many."""

    world: World = "hub"
    languages: tuple[str, ...] = ()
    """Test languages; all of each task's when empty."""
    task: dict[str, Rows] = field(default_factory=dict)

    def rows(self, name: str, kind: Literal["train_rows", "test_rows"]) -> int | None:
        own = self.task.get(name)
        found: int | None = getattr(own, kind) if own and getattr(own, kind) else getattr(self, kind)
        return found


@dataclass(frozen=True, kw_only=True)
class RecipeTable(Recipe):
    """`[recipe.NAME]`: a recipe, with changes for task types and for single tasks."""

    type: dict[str, Changes[Recipe]] = field(default_factory=dict)
    task: dict[str, Changes[Recipe]] = field(default_factory=dict)

    def of(self, what: Task) -> Recipe:
        """The recipe for one task; changes for the task come last."""
        recipe = Recipe(**{f.name: getattr(self, f.name) for f in fields(Recipe)})
        for changes in (self.type.get(what.type), self.task.get(what.name)):
            recipe = changes.of(recipe) if changes else recipe
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
class IntermediateTable:
    """`[intermediate]`"""

    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TargetTable:
    """`[target]`"""

    tasks: tuple[str, ...] = ()
    compositions: tuple[str, ...] = ("alone",)


@dataclass(frozen=True)
class Cell:
    """One number of the report: its place, and the stage that makes it, or why there is none."""

    task: str
    language: str
    composition: str
    method: str
    seed: int
    score: Score | None
    limited: bool = False
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One strict TOML file. `data_folder` is a flag: it says where, not what."""

    seeds: tuple[int, ...] = (1,)
    model: ModelSpec = field(default_factory=ModelSpec)
    encoder: EncoderTable | None = None
    data: DataTable = field(default_factory=DataTable)
    recipe: dict[str, RecipeTable] = field(default_factory=dict)
    intermediate: IntermediateTable = field(default_factory=IntermediateTable)
    target: TargetTable = field(default_factory=TargetTable)
    reading: Reading = field(default_factory=Reading)
    data_folder: Path | None = field(default=None, metadata={"derived": True})

    @cached_property
    def base(self) -> ModelSpec | Encoder:
        """The encoder that everything runs on; local weights are named by their SHA-256."""
        if self.encoder is not None:
            return self._encoder(self.encoder)
        if self.model.name == "toyworld":
            weights = Path(str(files("xadapt.toyworld") / "encoder" / "model.safetensors"))
        elif self.model.folder is not None:
            weights = Path(self.model.folder) / "model.safetensors"
        else:
            return self.model
        if not weights.is_file():
            raise DataError(f"model {self.model.name!r}: {weights} does not exist")
        return ModelSpec(name=self.model.name, revision=file_sha256(weights), folder=self.model.folder)

    def _encoder(self, table: EncoderTable) -> Encoder:
        texts = []
        for local in table.texts:
            if local.count("/") != 2:
                raise ConfigError(f"encoder.texts: {local!r} is not <name>/<config>/<split>")
            source = Source(path=local, revision="main", config="default", split="train", local=local)
            rows = origin(source, self.data.world, self.data_folder, table.rows)
            limit = None if self.data.world == "toyworld" else table.rows
            texts.append(Data(task="text", task_version=task("text").version, rows=rows, limit=limit))
        return Encoder(
            texts=tuple(texts), architecture=table.architecture, recipe=table.recipe, seed=table.seed
        )

    def goals(self) -> Iterator[Score | Encoder]:
        """The stages whose results the experiment is for."""
        if self.encoder is not None and isinstance(self.base, Encoder):
            yield self.base
        yield from (cell.score for cell in self.cells() if cell.score is not None)

    def cells(self) -> Iterator[Cell]:
        """Every number of the report, in its order: baselines, then recipes, compositions, targets."""
        for name in self.target.tasks:
            yield from self._baselines(task(name, "target.tasks"))
        for recipe in self.recipe.values():
            for text in self.target.compositions:
                for composition in parse(text, self.intermediate.tasks, "target.compositions"):
                    self._check(recipe, composition)
                    for name in self.target.tasks:
                        for seed in self.seeds:
                            yield from self._scores(task(name, "target.tasks"), composition, recipe, seed)

    def _check(self, recipe: RecipeTable, composition: Composition) -> None:
        if why := supports(recipe.method.name, composition, trains=True):
            raise ConfigError(f"target.compositions: {composition}: {why}")

    def _train(self, name: str, base: Composition, recipe: RecipeTable, seed: int) -> Train:
        what = task(name, "intermediate.tasks")
        if what.trains_as is not None:
            what = task(what.trains_as)
        data = self._train_data(what)
        if data is None:
            raise ConfigError(f"intermediate.tasks: {name!r} has no training data")
        return Train(task=what.name, data=data, model=self.base, base=base, recipe=recipe.of(what), seed=seed)

    def _train_data(self, what: Task) -> Data | None:
        if what.trains_as is not None:
            what = task(what.trains_as)
        if what.train is None:
            return None
        return self._data(what, what.train, "train_rows", TOY_TRAIN_ROWS)

    def _data(self, what: Task, source: Source, kind: Literal["train_rows", "test_rows"], toy: int) -> Data:
        rows = self.data.rows(what.name, kind)
        limit = None if self.data.world == "toyworld" else rows
        from_where = origin(source, self.data.world, self.data_folder, rows or toy)
        return Data(task=what.name, task_version=what.version, rows=from_where, limit=limit)

    def _tests(self, what: Task) -> Iterator[tuple[str, Data]]:
        if what.test is None:
            raise ConfigError(f"target.tasks: {what.name!r} has no test data")
        for language in self.languages(what):
            yield language, self._data(what, what.test(language), "test_rows", TOY_TEST_ROWS)

    def languages(self, what: Task) -> list[str]:
        """Test languages of a task here, English first. Raises UnknownName for one that nothing tests."""
        known: tuple[str, ...] = what.languages
        if self.data.world == "toyworld":
            from xadapt import toyworld

            known = tuple(lang for lang in toyworld.LANGUAGES if what.type != "retrieval" or lang != "en")
        for language in self.data.languages:
            every = {lang for name in self.target.tasks for lang in self._known(task(name))}
            if language not in every:
                raise UnknownName(f"data.languages: no target has {language!r}{nearest(language, every)}")
        chosen = [lang for lang in known if not self.data.languages or lang in self.data.languages]
        return sorted(chosen, key=lambda lang: (lang != "en", lang))

    def _known(self, what: Task) -> tuple[str, ...]:
        if self.data.world != "toyworld":
            return what.languages
        from xadapt import toyworld

        return toyworld.LANGUAGES

    def _limited(self, what: Task) -> bool:
        limits = [self.data.rows(what.name, kind) for kind in ("train_rows", "test_rows")]
        return self.data.world != "toyworld" and any(limits)

    def _baselines(self, what: Task) -> Iterator[Cell]:
        train = self._train_data(what)
        for language, data in self._tests(what):
            made = Baseline(task=what.name, language=language, data=data, train=train)
            score = Score(task=what.name, metric=what.metric, predictions=made)
            yield Cell(what.name, language, "baseline", "-", 0, score, self._limited(what))

    def _scores(self, what: Task, composition: Composition, recipe: RecipeTable, seed: int) -> Iterator[Cell]:
        parts = composition.map(lambda name: self._train(name, Alone(), recipe, seed))
        method = recipe.method.name
        if why := supports(method, composition, trains=what.train is not None):
            for language in self.languages(what):
                yield Cell(what.name, language, str(composition), method, seed, None, why=why)
            return
        trains = what.train is not None
        module: Train | Composition = self._train(what.name, parts, recipe, seed) if trains else parts
        for language, data in self._tests(what):
            predict = Predict(
                task=what.name,
                language=language,
                data=data,
                model=self.base,
                module=module,
                reading=None if trains else self.reading,
            )
            score = Score(task=what.name, metric=what.metric, predictions=predict)
            yield Cell(what.name, language, str(composition), method, seed, score, self._limited(what))


def load(name: str, settings: list[str] | None = None, data_folder: Path | None = None) -> Experiment:
    """An experiment by path, or one that ships with xadapt by name.

    Raises ConfigError for what is not strict TOML of this shape, UnknownName for a file that is not there.
    """
    path = Path(name)
    shipped = {
        p.name.removesuffix(".toml"): p for p in files("xadapt.configs").iterdir() if p.name.endswith(".toml")
    }
    if path.is_file():
        data, shown = path.read_bytes(), path.name
    elif name in shipped:
        data, shown = shipped[name].read_bytes(), f"{name}.toml"
    else:
        raise UnknownName(f"no experiment {name!r}{nearest(name, shipped)}", "give a path, or a shipped name")
    document = toml.assign(toml.parse(data, shown), settings or [], closed=("recipe",))
    found = toml.build(document, Experiment)
    object.__setattr__(found, "data_folder", data_folder)
    _check_names(found, document)
    return found


def _check_names(found: Experiment, document: toml.Document) -> None:
    for table, tasks in (("intermediate", found.intermediate.tasks), ("target", found.target.tasks)):
        for number, name in enumerate(tasks):
            task(name, document.at(table, "tasks", number))
    for name in found.data.task:
        task(name, document.at("data", "task", name))
    for label, recipe in found.recipe.items():
        for name in recipe.task:
            task(name, document.at("recipe", label, "task", name))
    if found.target.tasks and not found.recipe:
        raise ConfigError(f"{document.name}: missing [recipe.NAME]: how the modules are trained")


def resolved(experiment: Experiment) -> dict[str, Any]:
    """The experiment as plain data, every default filled in."""
    plain: dict[str, Any] = toml.plain(experiment)
    plain.pop("data_folder", None)
    return plain
