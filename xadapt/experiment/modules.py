"""The stages that make the modules of a composition: each training, mixture and merge once."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from xadapt.composition import (
    Alone,
    Chain,
    Composition,
    Continue,
    Fuse,
    Gate,
    Merge,
    Multitask,
    Stack,
    WithText,
)
from xadapt.experiment.tables import RecipeTable, TextTable
from xadapt.recipe import DEFAULT_FUSION, SNAPSHOTS, ModelSpec, Recipe, Sampling
from xadapt.sources.published import Published
from xadapt.stages.data import Data, Dev
from xadapt.stages.encoder import Encoder
from xadapt.stages.merged import Merged
from xadapt.stages.mixture import Ingredient, Mixture
from xadapt.stages.train import Train
from xadapt.task import Task

Maker = Train | Mixture | Merged
M = TypeVar("M", Train, Mixture, Merged)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What all trainings of an experiment share."""

    model: ModelSpec | Encoder
    task: Callable[[str], Task]
    data: Callable[[Task], Data]
    """A task -> its training data."""
    dev: Callable[[Task], Dev | None]
    """A task -> what weights are selected on."""
    text: Callable[[], Data]
    """The text of `[mlm]`."""
    mlm: TextTable
    sampling: Sampling
    below: Train | Published | None = None
    """The language adapter that everything is trained on."""


def _used(recipe: Recipe, base: Composition, *, target: bool = False) -> Recipe:
    """Without settings that change nothing: of a fusion where nothing is fused, of snapshots where none are.

    A module that others build on has one set of weights, so an oracle is one of targets alone.
    """
    if not isinstance(base, Fuse):
        recipe = replace(recipe, fusion=DEFAULT_FUSION)
    if recipe.select == "oracle" and not target:
        recipe = replace(recipe, select="last")
    return recipe if recipe.select != "last" else replace(recipe, snapshots=SNAPSHOTS)


def _of_mixture(recipe: Recipe) -> Recipe:
    """Of one task of a mixture, which selects as a whole."""
    return _used(replace(recipe, select="last"), Alone())


@dataclass(frozen=True)
class Modules:
    """The modules under one recipe and seed."""

    ground: Ground
    recipe: RecipeTable
    seed: int
    _made: dict[Any, Any] = field(default_factory=dict)

    def target(self, what: Task, composition: Composition) -> Train:
        """A target that trains; over a merge it starts from that."""
        parts = composition.map(self.module)
        if isinstance(composition, Merge):
            parts = Continue((self.module(composition),))
        return self._train(what, parts, target=True)

    def read(self, composition: Composition) -> Composition | Mixture:
        """What a target without training reads; without one of its own, continuing is reading."""
        if isinstance(composition, Fuse | Gate):
            tasks = dict.fromkeys(composition.tasks())
            return self._mixture(tuple(tasks), composition.map(self.module), text=False)
        if isinstance(composition, Merge):
            return Stack((self.module(composition),))
        parts = composition.map(self.module).parts
        return Stack(parts) if isinstance(composition, Continue) else type(composition)(parts)

    def module(self, part: str | Composition) -> Maker:
        """The stage that makes one module."""
        if isinstance(part, Merge):
            return self._once(part, lambda: self._merged(part))
        if isinstance(part, Chain):
            return self._chain(part, text=False)
        if isinstance(part, WithText) and isinstance(part.parts[0], Chain):
            return self._chain(part.parts[0], text=True)
        return self._link(part, Alone(), text=False)

    def _chain(self, chain: Chain, text: bool) -> Maker:
        first, *later = chain.parts
        made = self._begun(first, text)
        for part in later:
            made = self._link(part, Continue((made,)), text)
        return made

    def _begun(self, first: Any, text: bool) -> Maker:
        """What a chain starts from; text is mixed into all in it that trains, and a merge trains nothing."""
        if isinstance(first, Chain):
            return self._chain(first, text)
        if text and not isinstance(first, Merge):
            return self.module(first if isinstance(first, WithText) else WithText((first,)))
        return self.module(first)

    def _link(self, part: Any, base: Composition, text: bool) -> Train | Mixture:
        """One training of a task or a mixture, from `base`."""
        if isinstance(part, WithText):
            return self._link(part.parts[0], base, text=True)
        if isinstance(part, Multitask):
            return self._mixture(part.parts, base, text)
        if text:
            return self._mixture((part,), base, text)
        return self._train(self.ground.task(part), base)

    def _train(self, what: Task, base: Composition, *, target: bool = False) -> Train:
        if what.trains_as is not None:
            what = self.ground.task(what.trains_as)
        recipe = _used(self.recipe.of(what), base, target=target)
        return self._once((what.name, base, recipe.select), lambda: self._new_train(what, base, recipe))

    def _new_train(self, what: Task, base: Composition, recipe: Recipe) -> Train:
        return Train(
            task=what.key,
            data=self.ground.data(what),
            model=self.ground.model,
            base=base,
            recipe=recipe,
            seed=self.seed,
            dev=self.ground.dev(what) if recipe.select == "dev" else None,
            below=self.ground.below,
        )

    def _mixture(self, tasks: tuple[str, ...], base: Composition, text: bool) -> Mixture:
        return self._once((tasks, base, text), lambda: self._new_mixture(tasks, base, text))

    def _new_mixture(self, tasks: tuple[str, ...], base: Composition, text: bool) -> Mixture:
        return Mixture(
            parts=tuple(self._ingredient(self.ground.task(name)) for name in tasks),
            text=self._text() if text else None,
            text_share=self.ground.mlm.share if text else 0.0,
            sampling=self.ground.sampling,
            model=self.ground.model,
            base=base,
            recipe=replace(_used(self.recipe.own, base), steps=self.ground.sampling.steps),
            seed=self.seed,
            below=self.ground.below,
        )

    def _ingredient(self, what: Task) -> Ingredient:
        if what.trains_as is not None:
            what = self.ground.task(what.trains_as)
        return Ingredient(
            task=what.key,
            data=self.ground.data(what),
            recipe=_of_mixture(self.recipe.of(what)),
            dev=self.ground.dev(what) if self.recipe.select == "dev" else None,
        )

    def _text(self) -> Ingredient:
        what = self.ground.task("text")
        return Ingredient(task=what.key, data=self.ground.text(), recipe=_of_mixture(self.recipe.of(what)))

    def _merged(self, merge: Merge) -> Merged:
        parts = merge.map(self.module)
        assert isinstance(parts, Merge), "the same form"
        return Merged(merge=parts, model=self.ground.model)

    def _once(self, key: Any, make: Callable[[], M]) -> M:
        if key not in self._made:
            self._made[key] = make()
        made: M = self._made[key]
        return made
