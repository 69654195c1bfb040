"""What is asked: a target, the modules it could be built on, and the stages that these are."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from xadapt.composition import FORMS, Alone, Composition
from xadapt.errors import ConfigError, UnknownName, nearest
from xadapt.experiment import Experiment
from xadapt.experiment.modules import Maker
from xadapt.languages import language
from xadapt.notation import Part, module
from xadapt.stages.data import Data
from xadapt.stages.merged import Merged
from xadapt.stages.mixture import Ingredient, Mixture
from xadapt.stages.train import Train
from xadapt.task import Task
from xadapt.workflow.store import Store

FORMS_OF_ONE = ("stack", "continue")
"""Compositions of a target with one module, the usual one first."""


@dataclass(frozen=True)
class Question:
    """One target of an experiment, and modules for it under one recipe and composition."""

    asked: Experiment
    target: Task
    names: tuple[str, ...]
    """Of the modules, as the experiment writes them."""
    recipe: str
    form: str
    """One of `FORMS_OF_ONE`."""
    languages: tuple[str, ...] = ()
    """Whose scores count; all but English when empty, unless the target is tested in nothing else."""

    @cached_property
    def modules(self) -> dict[str, Maker]:
        """By name, under the first seed."""
        made = self.asked.modules(self.recipe, self.asked.seeds[0])
        return {name: made.module(_part(name, self.asked)) for name in self.names}

    @property
    def counted(self) -> tuple[str, ...]:
        """The languages whose scores count."""
        every = tuple(self.asked.tested(self.target))
        return self.languages or tuple(code for code in every if code != "en") or every

    @property
    def selection(self) -> str:
        """How the weights of the target are chosen: gains under another selection are no measure for it."""
        return self.asked.selecting.how(self.target, self.asked.recipe[self.recipe])

    @property
    def akin(self) -> frozenset[str]:
        """The target, and the targets that share its training: one and the same module, scored elsewhere."""
        own = self.target.trains_as or self.target.name
        every = (self.asked.task(name) for name in self.asked.target.tasks)
        shared = (each.name for each in every if (each.trains_as or each.name) == own)
        return frozenset((self.target.name, *shared))

    @cached_property
    def training(self) -> Train | None:
        """That of the target alone, for its data and recipe; None where the target trains nothing."""
        if self.target.train is None:
            return None
        return self.asked.modules(self.recipe, self.asked.seeds[0]).target(self.target, Alone())

    def composition(self, name: str) -> Composition:
        """The target on one module."""
        return FORMS[self.form]((_part(name, self.asked),))

    @cached_property
    def same_data(self) -> tuple[str, ...]:
        """Modules that have seen the training data of the target."""
        if self.training is None:
            return ()
        own = self.training.data
        return tuple(n for n, made in self.modules.items() if own in (one.data for one in trained_on(made)))


def trained_on(made: Maker) -> Iterator[Train | Ingredient]:
    """Every task in a module with data and recipe, those of what it continues from too."""
    if isinstance(made, Merged):
        for part in made.merge.parts:
            yield from trained_on(part)
        return
    for part in made.base.parts:
        yield from trained_on(part)
    yield from made.parts if isinstance(made, Mixture) else (made,)


def data(question: Question) -> Iterator[Data]:
    """What must be read to look at the target and at the texts of its modules."""
    if question.training is not None:
        yield question.training.data
        for made in question.modules.values():
            yield from (one.data for one in trained_on(made))


def question(
    asked: Experiment,
    store: Store,
    target: str,
    modules: Sequence[str] = (),
    languages: Sequence[str] = (),
    recipe: str = "",
    form: str = "",
) -> Question:
    """What the words of the command line mean, modules that are not in the store left out.

    Raises UnknownName for a target, module, language or recipe that is not known, a module that was asked for
    and is not in the store, and a store without any; ConfigError for what is no module.
    """
    if not store.root.is_dir():
        raise UnknownName(f"{store.root}: no such store", "`xadapt run` makes it; --store gives another one")
    found = asked.task(target, "recommend")
    label = _one(recipe, tuple(asked.methods), "--recipe")
    names = tuple(dict.fromkeys(_names(asked, modules)))
    how = _one(form, FORMS_OF_ONE, "--composition") if form else _form(asked)
    whole = Question(asked, found, names, label, how, _languages(asked, found, languages))
    there = tuple(name for name, made in whole.modules.items() if made in store)
    if lacking := [name for name in names if name not in there] if modules else []:
        raise UnknownName(f"--modules {lacking[0]}: not in the store {store.root}", "`xadapt run` trains it")
    if not there:
        none = f"the store {store.root} has none of the modules {', '.join(names)} under recipe {label}"
        raise UnknownName(none, "`xadapt run` trains them; --store gives another one")
    return Question(asked, found, there, label, how, whole.languages)


def split(text: str) -> list[str]:
    """At the commas outside brackets: `mnli,chain(mnli, squad)` is two."""
    parts = re.findall(r"(?:[^,(]|\((?:[^()]|\([^()]*\))*\))+", text)
    return [part.strip() for part in parts if part.strip()]


def _names(asked: Experiment, modules: Sequence[str]) -> Iterator[str]:
    """The modules that are asked for; else every intermediate task, and what compositions make of several."""
    if modules:
        for text in modules:
            if re.fullmatch(r"[\w.-]+", text) and text not in asked.intermediate.tasks:
                raise UnknownName(
                    f"--modules: no intermediate task {text!r}{nearest(text, asked.intermediate.tasks)}"
                )
            yield from map(str, module(text, asked.intermediate.tasks, "--modules"))
        return
    if not asked.intermediate.tasks:
        raise ConfigError("[intermediate] tasks: there are none to choose from")
    yield from asked.intermediate.tasks
    for each in asked.compositions:
        if each.form in FORMS_OF_ONE:
            yield from map(str, each.parts)


def _form(asked: Experiment) -> str:
    """What the experiment has, of both the usual one."""
    forms = {each.form for each in asked.compositions}
    return next((form for form in FORMS_OF_ONE if form in forms), FORMS_OF_ONE[0])


def _part(name: str, asked: Experiment) -> Part:
    return next(iter(module(name, asked.intermediate.tasks, "--modules")))


def _one(said: str, known: Sequence[str], at: str) -> str:
    if said and said not in known:
        raise UnknownName(f"{at} {said!r}: not known{nearest(said, known)}")
    return said or known[0]


def _languages(asked: Experiment, target: Task, said: Sequence[str]) -> tuple[str, ...]:
    known, found = asked.known(target), []
    for name in said:
        code = language(name, "--languages").code
        if code not in known:
            raise UnknownName(f"--languages: {target.name} is not tested in {code!r}{nearest(code, known)}")
        found.append(code)
    return tuple(dict.fromkeys(found))
