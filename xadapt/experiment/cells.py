"""An experiment as a value, and the scores it asks for."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

from xadapt import benchmarks
from xadapt.composition import Composition
from xadapt.experiment import models
from xadapt.experiment.cell import Cell
from xadapt.experiment.declared import declared
from xadapt.experiment.languages import SOURCE, Languages
from xadapt.experiment.modules import Ground, Modules
from xadapt.experiment.selecting import Selecting
from xadapt.experiment.tables import (
    DataTable,
    EncoderTable,
    IntermediateTable,
    LanguagesTable,
    RecipeTable,
    Split,
    TargetTable,
    TaskTable,
    TextTable,
)
from xadapt.models import FAMILIES, Family, family, refusal
from xadapt.notation import parse
from xadapt.recipe import ModelSpec, Reading, Sampling
from xadapt.sources import folder as folders
from xadapt.sources import origins
from xadapt.sources.lock import Lock
from xadapt.stages.baseline import FURTHER, Baseline
from xadapt.stages.data import Data
from xadapt.stages.encoder import Encoder
from xadapt.stages.predict import Predict
from xadapt.stages.score import Score
from xadapt.task import Source, Sources, Task, sources
from xadapt.tasks import task

TOY_TRAIN_ROWS, TOY_TEST_ROWS = 4000, 400


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
    tasks: dict[str, TaskTable] = field(default_factory=dict)
    mlm: TextTable = field(default_factory=TextTable)
    languages: LanguagesTable | None = None
    sampling: Sampling = field(default_factory=Sampling)
    """Of `multitask`: how its steps are shared among the tasks."""
    reading: Reading = field(default_factory=Reading)
    data_folder: Path | None = field(default=None, metadata={"derived": True})
    lock: Lock = field(default_factory=Lock, metadata={"derived": True})
    """What the names of hub repositories stand for."""

    @cached_property
    def declared(self) -> dict[str, Task]:
        """The tasks of the user's own data."""
        return declared(self.tasks)

    def task(self, name: str, at: str = "task") -> Task:
        """A task of xadapt or of this experiment; raises UnknownName with the nearest one."""
        return task(name, at, self.declared)

    @cached_property
    def base(self) -> ModelSpec | Encoder:
        """The encoder that everything runs on; a local model is named by the content of its files."""
        if self.encoder is not None:
            return self._encoder(self.encoder)
        return models.planned(self.model, self.lock)

    def _encoder(self, table: EncoderTable) -> Encoder:
        return Encoder(
            texts=tuple(self._text((name,), table.rows) for name in table.texts),
            architecture=table.architecture,
            recipe=table.recipe,
            seed=table.seed,
        )

    def _text(self, names: tuple[str, ...], rows: int | None) -> Data:
        """The text of these datasets, one after another."""
        found = [Source(path=name, config="default", split="train", local=name) for name in names]
        if self.data.world == "toyworld" and rows is None:
            rows = TOY_TRAIN_ROWS
        places = origins(found, self.data.world, self.data_folder, rows, self.lock)
        limit = None if self.data.world == "toyworld" else rows
        return Data(task="text", task_version=task("text").version, rows=places, limit=limit)

    @cached_property
    def family(self) -> Family | None:
        """Of the encoder, where it is known before anything loads."""
        if self.encoder is not None:
            return FAMILIES["xlm-roberta"]
        # Of a local model the base is known by its content, which need not be read for this.
        return family(models.planned(self.model, self.lock) if self.model.on_hub else self.model)

    @cached_property
    def room(self) -> int | None:
        """Tokens of the longest sequence, where that is known."""
        return self.encoder.architecture.max_length if self.encoder else models.room(self.model)

    @property
    def layers(self) -> int | None:
        """Of the encoder, where it is known before anything loads."""
        return self.encoder.architecture.layers if self.encoder else models.layers(self.model)

    @cached_property
    def compositions(self) -> tuple[Composition, ...]:
        """Each once, over intermediate tasks by name."""
        every = (self._wanted[name] for name in self.target.tasks)
        found = dict.fromkeys(chain(self._parsed(self.target.compositions), *every))
        return tuple(one for one in found if any(one in wanted for wanted in self._wanted.values()))

    @cached_property
    def _wanted(self) -> dict[str, tuple[Composition, ...]]:
        return {name: self._parsed(self.target.of(name)) for name in self.target.tasks}

    def _parsed(self, texts: tuple[str, ...]) -> tuple[Composition, ...]:
        every = (parse(text, self.intermediate.tasks) for text in texts)
        return tuple(dict.fromkeys(chain.from_iterable(every)))

    @property
    def methods(self) -> dict[str, RecipeTable]:
        """The recipes that are compared: all but that of language adapters."""
        own = self.languages.recipe if self.languages else None
        return {label: recipe for label, recipe in self.recipe.items() if label != own}

    @cached_property
    def _languages(self) -> Languages | None:
        table = self.languages
        if table is None:
            return None
        return Languages(table, self.recipe.get(table.recipe), self.base, self._text, self.lock)

    def goals(self) -> Iterator[Score | Encoder]:
        """The stages whose results the experiment is for."""
        if isinstance(self.base, Encoder):
            yield self.base
        yield from (cell.score for cell in self.cells() if cell.score is not None)

    def cells(self) -> Iterator[Cell]:
        """Every number of the report, in its order: baselines, then recipes, compositions, targets."""
        return iter(self._every)

    @cached_property
    def _every(self) -> tuple[Cell, ...]:
        return tuple(self._cells())  # a stage keeps its digest, so each is made once

    def _cells(self) -> Iterator[Cell]:
        for name in self.target.tasks:
            yield from self._baselines(self.task(name))
        for label in self.methods:
            for composition in self.compositions:
                for name in self.target.tasks:
                    for seed in self.seeds if composition in self._wanted[name] else ():
                        yield from self._scores(self.task(name), composition, label, seed)

    def _baselines(self, what: Task) -> Iterator[Cell]:
        train = self._train_data(what)
        for method in ("", *(FURTHER.get(what.type, ()) if train else ())):
            for language, data in self._tests(what):
                made = Baseline(task=what.key, language=language, data=data, train=train, method=method)
                score, row = self._score(what, made), method or "baseline"
                yield Cell(what.name, language, row, "", "-", 0, score, self._limited(what))

    def _scores(self, what: Task, composition: Composition, label: str, seed: int) -> Iterator[Cell]:
        variant, trains = self.recipe[label].method, what.train is not None
        method, selection = variant.name, self.selecting.how(what, self.recipe[label])
        if why := refusal(self.family, variant, composition, trains=trains):
            for language in self.tested(what):
                cell = Cell(what.name, language, str(composition), label, method, seed, None)
                yield replace(cell, why=why, selection=selection)
            return
        modules = self.modules(label, seed)
        module = modules.target(what, composition) if trains else modules.read(composition)
        for language, data in self._tests(what):
            predict = Predict(
                task=what.key,
                language=language,
                data=data,
                model=self.base,
                module=module,
                reading=None if trains else self.reading,
                dev=self.selecting.oracle(what, language) if selection == "oracle" else None,
                below=self._languages.of(language) if self._languages else None,
            )
            cell = Cell(
                what.name, language, str(composition), label, method, seed, self._score(what, predict)
            )
            yield replace(cell, limited=self._limited(what), selection=selection)

    @cached_property
    def selecting(self) -> Selecting:
        """What weights are selected on."""
        return Selecting(self.task, lambda what, at: self._data(what, at, "dev_rows", TOY_TEST_ROWS))

    def _score(self, what: Task, made: Predict | Baseline) -> Score:
        """A threshold of its metric is set on development data where there are such."""
        dev = self._tuning(what, made.language)
        tuned_on = None if dev is None else replace(made, data=dev)
        return Score(task=what.key, metric=what.metric, predictions=made, tuned_on=tuned_on)

    def _tuning(self, what: Task, language: str) -> Data | None:
        """None where they are not to be had: they are optional, and so far only folders have them."""
        if what.tune is None or self.data.world != "folder" or self.data_folder is None:
            return None
        found = sources(what.tune(language))
        if not all(folders.has(self.data_folder, each.local) for each in found):
            return None
        return self._data(what, found, "test_rows", TOY_TEST_ROWS)

    def modules(self, label: str, seed: int) -> Modules:
        """Under one recipe and seed, each made once."""
        made = Modules(self._ground, self.recipe[label], seed)
        return self._built.setdefault((label, seed), made)

    @cached_property
    def _built(self) -> dict[tuple[str, int], Modules]:
        return {}

    @cached_property
    def _ground(self) -> Ground:
        return Ground(
            model=self.base,
            task=self.task,
            data=self._training,
            dev=self.selecting.dev,
            text=lambda: self._text(self.mlm.texts, self.mlm.rows),
            mlm=self.mlm,
            sampling=self.sampling,
            below=self._languages.of(SOURCE) if self._languages else None,
        )

    def _training(self, what: Task) -> Data:
        data = self._train_data(what)
        assert data is not None, "checked when the file was loaded"
        return data

    def _train_data(self, what: Task) -> Data | None:
        if what.trains_as is not None:
            what = self.task(what.trains_as)
        if what.train is None:
            return None
        return self._data(what, what.train, "train_rows", TOY_TRAIN_ROWS)

    @cached_property
    def _read(self) -> dict[tuple[str, tuple[Source, ...], Split], Data]:
        return {}

    def _data(self, what: Task, source: Sources, split: Split, toy: int) -> Data:
        # Kept: a local file is hashed once, not for every composition.
        found = sources(source)
        key = (what.name, found, split)
        if key not in self._read:
            rows = self.data.rows(what.name, split)
            limit = None if self._made(what) else rows
            world = "hub" if what.declared else self.data.world
            place = origins(found, world, self.data_folder, rows or toy, self.lock)
            # The toy world has no row at fault.
            scored = what.type == "span" and split != "train_rows" and not self._made(what)
            made = Data(task=what.key, task_version=what.version, rows=place, limit=limit, scored=scored)
            self._read[key] = made
        return self._read[key]

    def _tests(self, what: Task) -> Iterator[tuple[str, Data]]:
        assert what.test is not None, "checked when the file was loaded"
        for language in self.tested(what):
            yield language, self._data(what, what.test(language), "test_rows", TOY_TEST_ROWS)

    def tested(self, what: Task) -> list[str]:
        """Test languages of a task here, English first."""
        asked = self.data.languages
        chosen = [code for code in self.known(what) if not asked or code in asked]
        return sorted(chosen, key=lambda code: (code != "en", code))

    def known(self, what: Task) -> tuple[str, ...]:
        """The languages that a task has in this world and benchmark."""
        if not self._made(what):
            return benchmarks.languages(what, self.target.benchmark)
        from xadapt import toyworld

        return toyworld.tested(what.type)

    def _made(self, what: Task) -> bool:
        """Whether its rows are made by the toy world; a declared task has files in every world."""
        return self.data.world == "toyworld" and what.declared is None

    def _limited(self, what: Task) -> bool:
        limits = [self.data.rows(what.name, split) for split in ("train_rows", "test_rows")]
        return not self._made(what) and any(limits)
