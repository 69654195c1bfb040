"""`[languages]` (MAD-X, Pfeiffer et al. 2020): a frozen adapter of each language below the modules.

Modules are trained on that of English, the language of all training data, and a target is predicted on that
of its own language.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xadapt.composition import Alone, Composition, WithText
from xadapt.errors import ConfigError, DataError, UnknownName, nearest
from xadapt.experiment.tables import HubAdapter, LanguagesTable, RecipeTable
from xadapt.languages import language as language_of
from xadapt.models import FAMILIES
from xadapt.recipe import Bottleneck, LoRA, ModelSpec
from xadapt.sources import published
from xadapt.sources.lock import Lock
from xadapt.sources.published import Published
from xadapt.stages.data import Data
from xadapt.stages.encoder import Encoder
from xadapt.stages.train import Train
from xadapt.tasks import task
from xadapt.toml import Document

if TYPE_CHECKING:
    from xadapt.experiment.cells import Experiment

SOURCE = "en"
"""The language of all training data."""
Below = Train | Published


@dataclass(frozen=True)
class Languages:
    """The language adapters of an experiment, each made once."""

    table: LanguagesTable
    recipe: RecipeTable | None
    model: ModelSpec | Encoder
    text: Callable[[tuple[str, ...], int | None], Data]
    lock: Lock
    _made: dict[str, Below] = field(default_factory=dict)

    def of(self, code: str) -> Below:
        """The adapter below a prediction in a language; that of English where it has none of its own."""
        own = code if code in self.table.known else SOURCE
        if own not in self._made:
            given = self.table.adapters.get(own)
            self._made[own] = self._trained(own) if given is None else self._published(own, given)
        return self._made[own]

    def _trained(self, code: str) -> Train:
        what, names = task("text"), self.table.texts[code]
        assert self.recipe is not None, "checked when the file was loaded"
        return Train(
            task=what.name,
            data=self.text((names,) if isinstance(names, str) else names, self.table.rows),
            model=self.model,
            base=Alone(),
            recipe=self.recipe.of(what),
            seed=self.table.seed,
            language=code,
        )

    def _published(self, code: str, given: str | HubAdapter) -> Published:
        if isinstance(given, HubAdapter):
            return published.hosted(given.hub, given.revision, self.lock)
        return published.local(Path(given), f"languages.adapters.{code}")


def placed(table: LanguagesTable, document: Document, home: Path) -> LanguagesTable:
    """Languages by code and folders from the root: a copy of the experiment lies elsewhere.

    Raises UnknownName for no language, ConfigError for one that stands there twice.
    """
    adapters = dict(_by_code(table.adapters, document, "adapters"))
    whole = {
        code: given if isinstance(given, HubAdapter) else str((home / given).absolute())
        for code, given in adapters.items()
    }
    train = tuple(
        language_of(name, document.at("languages", "train", number)).code
        for number, name in enumerate(table.train)
    )
    if twice := [code for number, code in enumerate(train) if code in train[:number] or code in adapters]:
        at = document.at("languages", "train")
        raise ConfigError(f"{at}: {twice[0]!r} stands there twice, or in adapters as well")
    return replace(table, adapters=whole, train=train, texts=dict(_by_code(table.texts, document, "texts")))


def _by_code(given: Mapping[str, Any], document: Document, key: str) -> Iterator[tuple[str, Any]]:
    seen = set()
    for name, value in given.items():
        at = document.at("languages", key, name)
        code = language_of(name, at).code
        if code in seen:
            raise ConfigError(f"{at}: the language {code!r} stands there twice")
        seen.add(code)
        yield code, value


def check(found: "Experiment", document: Document) -> None:
    """Each adapter can be had, or trained.

    Raises ConfigError, UnknownName, DataError with the place in the file.
    """
    if found.languages is not None:
        if found.family is not None and not found.family.fast:
            fast = ", ".join(family.model_type for family in FAMILIES.values() if family.fast)
            why = f"language adapters need a model of {fast}, not {found.family.model_type}"
            raise ConfigError(f"{document.at('languages')}: {why}")
        _check_adapters(found.languages, document)
        _check_training(found.languages, found, document)
    _check_recipes(found, document)


def check_cover(found: "Experiment", document: Document) -> None:
    """Each language that is tested has an adapter, or the file says what is done without one.

    Raises ConfigError, also for compositions that have no meaning over the adapter of one language.
    """
    table = found.languages
    if table is None:
        return
    _check_tested(table, found, document)
    for composition in found.compositions:
        if _has_text(composition):
            why = "mixes in text of many languages, but modules are trained on the adapter of one"
            raise ConfigError(f"{document.at('target', 'compositions')}: '{composition}' {why} ([languages])")


def _has_text(composition: Composition) -> bool:
    parts = [part for part in composition.parts if isinstance(part, Composition)]
    return isinstance(composition, WithText) or any(map(_has_text, parts))


def _check_recipes(found: "Experiment", document: Document) -> None:
    """Invertible adapters are of languages, and languages lie below what the engine computes."""
    for label, recipe in found.methods.items():
        at, method = document.at("recipe", label, "method"), recipe.method
        if isinstance(method, Bottleneck) and method.invertible != "none":
            why = "an invertible adapter belongs to a language"
            raise ConfigError(f"{at}: {why}", f"train one: recipe = {label!r} in [languages]")
        if found.languages is not None and not isinstance(method, Bottleneck | LoRA):
            raise ConfigError(f"{at}: language adapters lie below bottleneck and lora, not {method.name}")


def _check_adapters(table: LanguagesTable, document: Document) -> None:
    for code, given in table.adapters.items():
        at = document.at("languages", "adapters", code)
        if isinstance(given, HubAdapter):
            if given.hub.count("/") != 1:
                raise ConfigError(f"{at}: {given.hub!r} is no hub id (owner/name)")
        elif not Path(given).is_dir():
            hint = f'a repository of the hub is written {{ hub = "owner/name" }}; {given} is no folder'
            raise DataError(f"{at}: {given}: no such folder", hint)
        else:
            published.local(Path(given), at)


def _check_training(table: LanguagesTable, found: "Experiment", document: Document) -> None:
    for code in table.train:
        if code not in table.texts:
            raise ConfigError(f"{document.at('languages', 'train')}: {code!r} has no text in languages.texts")
    for code, names in table.texts.items():
        at = document.at("languages", "texts", code)
        if code not in table.train:
            raise ConfigError(f"{at}: {code!r} is not in languages.train, so its text is of no use")
        for name in (names,) if isinstance(names, str) else names:
            if name.count("/") != 2:
                raise ConfigError(f"{at}: {name!r} is not <name>/<config>/<split>")
    if not table.train:
        return
    at = document.at("languages", "recipe")
    if table.recipe not in found.recipe:
        raise UnknownName(f"{at}: no [recipe.{table.recipe or 'NAME'}]{nearest(table.recipe, found.recipe)}")
    method = found.recipe[table.recipe].method
    if not isinstance(method, Bottleneck):
        raise ConfigError(f"{at}: a language adapter is a bottleneck, not {method.name}")


def _check_tested(table: LanguagesTable, found: "Experiment", document: Document) -> None:
    at = document.at("languages")
    if SOURCE not in table.known:
        raise ConfigError(f"{at}: no adapter for {SOURCE!r}, the language of all training data")
    for name in found.target.tasks:
        for code in found.tested(found.task(name)):
            if code not in table.known and table.fallback == "refuse":
                hint = f"name one in adapters or train, or say fallback = {SOURCE!r} to use the English one"
                raise ConfigError(f"{at}: no adapter for {code!r}, which {name} is tested in", hint)
