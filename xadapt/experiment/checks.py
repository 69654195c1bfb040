"""What cannot be right about an experiment file although each value has the type of its place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from xadapt.errors import ConfigError, UnknownName, nearest
from xadapt.examples import KINDS
from xadapt.experiment.cells import Experiment
from xadapt.experiment.tables import RecipeTable, TargetTable
from xadapt.models import Family, pooling_fits, refusal
from xadapt.notation import MOST, parse
from xadapt.recipe import Architecture, FusionSettings, LoRA, Method
from xadapt.task import Task, sources
from xadapt.toml import Document

ABOVE_ZERO = (
    "lr",
    "epochs",
    "clip",
    "alpha",
    "reduction_factor",
    "invertible_reduction_factor",
    "scaling",
    "temperature",
)
SIZES = tuple(f.name for f in fields(Architecture))
ONE_OR_MORE = (
    "steps",
    "batch",
    "rank",
    "train_rows",
    "dev_rows",
    "test_rows",
    "rows",
    "snapshots",
    "cap",
    *SIZES,
)
NOT_NEGATIVE = ("warmup", "weight_decay", "stride", "layer", "seed", "seeds", "regularization", "leave_out")
SHARES = ("dropout", "mask", "share")
SHORTEST = 8
"""Fewest tokens of `max_length`: special tokens, and something of both texts of a pair."""


def check_values(document: Document) -> None:
    """Raises ConfigError for a number that no training can have, with its place."""
    for keys, value in _numbers(document.table, ()):
        name = next(key for key in reversed(keys) if isinstance(key, str))
        wrong = None
        if name == "max_length" and value < SHORTEST:
            wrong = f"{SHORTEST} or more"
        elif name in ABOVE_ZERO and value <= 0:
            wrong = "a number above 0"
        elif name in ONE_OR_MORE and not 1 <= value <= MOST:
            wrong = f"1 to {MOST:,}"
        elif name in NOT_NEGATIVE and value < 0:
            wrong = "0 or more"
        elif name in SHARES and not 0 <= value < 1:
            wrong = "a share, from 0 to below 1"
        if wrong:
            raise ConfigError(f"{document.at(*keys)}: expected {wrong}, got {value}")


def _numbers(value: Any, keys: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], float]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers(item, (*keys, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _numbers(item, (*keys, number))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield keys, value


def check_tasks(found: Experiment, table: str, document: Document) -> None:
    """Raises UnknownName for no task, ConfigError for one named twice or of no use in this table."""
    names = found.intermediate.tasks if table == "intermediate" else found.target.tasks
    for number, name in enumerate(names):
        at = document.at(table, "tasks", number)
        what = found.task(name, at)
        if name in names[:number]:
            raise ConfigError(f"{at}: {name!r} stands there twice")
        if table == "intermediate" and what.train is None:
            raise ConfigError(f"{at}: {name!r} has no training data, so it cannot be an intermediate task")
        if table == "target" and what.test is None:
            raise ConfigError(f"{at}: {name!r} has no test data, so it cannot be a target")


def check_recipe(found: Experiment, label: str, recipe: RecipeTable, document: Document) -> None:
    """Changes are for types and tasks that exist, and leave the method alone: compositions need one."""
    for name in recipe.type:
        if name not in KINDS:
            at = document.at("recipe", label, "type", name)
            raise ConfigError(f"{at}: no task type {name!r}{nearest(name, KINDS)}")
    for name in recipe.task:
        found.task(name, document.at("recipe", label, "task", name))
    for table, changes in (("type", recipe.type), ("task", recipe.task)):
        for name, change in changes.items():
            if "method" in dict(change.values):
                at = document.at("recipe", label, table, name, "method")
                raise ConfigError(f"{at}: one recipe has one method", "write a second [recipe.NAME]")
            _check_fusion(recipe, dict(change.values).get("fusion"), document, "recipe", label, table, name)
            _check_select(recipe, dict(change.values).get("select"), document, "recipe", label, table, name)
    _check_fusion(recipe, recipe.fusion, document, "recipe", label)
    _check_select(recipe, recipe.select, document, "recipe", label)


def _check_select(recipe: RecipeTable, select: str | None, document: Document, *place: str) -> None:
    if select == "oracle" and recipe.method.name == "full":
        at = document.at(*place, "select")
        raise ConfigError(f"{at}: 'oracle' would keep a whole model for every snapshot, so full has none")


def _check_fusion(
    recipe: RecipeTable, fusion: FusionSettings | None, document: Document, *place: str
) -> None:
    """Raises ConfigError for a regulariser of values that the fusion of a method does not have."""
    if fusion and fusion.regularization and recipe.method.name != "bottleneck":
        at = document.at(*place, "fusion", "regularization")
        raise ConfigError(f"{at}: a fusion of {recipe.method.name} modules has no values to regularize")


def check_method(found: Experiment, label: str, method: Method, document: Document) -> None:
    """Raises ConfigError for targets and left-out layers that are not there, come twice or leave nothing."""
    if isinstance(method, LoRA) and not 0 < len(set(method.targets)) == len(method.targets):
        at = document.at("recipe", label, "method", "targets")
        raise ConfigError(f"{at}: expected one target or more, each once, got {list(method.targets)}")
    left_out = list(getattr(method, "leave_out", ()))
    at, layers = document.at("recipe", label, "method", "leave_out"), found.layers
    if left_out != sorted(set(left_out)):
        raise ConfigError(f"{at}: expected layers in ascending order, each once, got {left_out}")
    if left_out and layers is not None and left_out[-1] >= layers:
        raise ConfigError(f"{at}: there is no layer {left_out[-1]}, the encoder has 0 to {layers - 1}")
    if len(left_out) == layers:
        raise ConfigError(f"{at}: no layer is left, the encoder has {layers}")


def check_tokens(found: Experiment, label: str, recipe: RecipeTable, document: Document) -> None:
    """Raises ConfigError for a head that would read of no use to a task, and for more tokens than fit."""
    room = found.room
    for name in dict.fromkeys((*found.intermediate.tasks, *found.target.tasks)):
        what = found.task(name)
        try:
            own = recipe.of(what)
        except ConfigError as error:
            at = document.at("recipe", label)
            raise ConfigError(f"{at}: {error.message}", error.hint) from error
        pooling_fits(found.family, what.type, own, document.at("recipe", label, "pooling"))
        if room is not None and own.max_length > room:
            at = document.at("recipe", label, "max_length")
            raise ConfigError(f"{at}: {own.max_length} tokens for {name}, the encoder has {room} positions")


def check_target_tasks(target: TargetTable, document: Document) -> None:
    """Raises UnknownName for a `[target.task.NAME]` that is no target here."""
    for name in target.task:
        if name not in target.tasks:
            at = document.at("target", "task", name)
            raise UnknownName(f"{at}: {name!r} is no target here{nearest(name, target.tasks)}")


def check_compositions(
    target: TargetTable,
    names: Sequence[str],
    recipes: Mapping[str, RecipeTable],
    family: Family | None,
    document: Document,
) -> None:
    """Each is one, over intermediate tasks, and defined for the method of some recipe on the model."""
    written: list[tuple[tuple[str | int, ...], str]] = [
        (("target", "compositions", number), text) for number, text in enumerate(target.compositions)
    ]
    for name, own in target.task.items():
        place = ("target", "task", name, "compositions")
        written += [((*place, number), text) for number, text in enumerate(own.compositions)]
    for keys, text in written:
        at = document.at(*keys)
        for composition in parse(text, names, at):
            reasons = [
                refusal(family, recipe.method, composition, trains=True) for recipe in recipes.values()
            ]
            if reasons and all(reasons):
                raise ConfigError(f"{at}: {composition}: {', '.join(dict.fromkeys(filter(None, reasons)))}")


def check_goals(found: Experiment, document: Document) -> None:
    """There is something to score, and what is written of the encoder fits it."""
    if not found.target.tasks and found.encoder is None:
        raise ConfigError(f"{document.name}: missing target.tasks: there is nothing to score")
    if found.target.tasks and not found.recipe:
        raise ConfigError(f"{document.name}: missing [recipe.NAME]: how the modules are trained")
    name = found.model.name
    if found.model.folder is None and name != "toyworld" and name.count("/") != 1:
        close = nearest(name, ["toyworld"]) if get_close_matches(name, ["toyworld"]) else ""
        at = document.at("model", "name")
        raise UnknownName(f"{at}: {name!r} is no hub id (owner/name){close}", "a local model has a folder")
    if not found.seeds or len(set(found.seeds)) < len(found.seeds):
        raise ConfigError(f"{document.at('seeds')}: expected one seed or more, each once")
    if found.model.folder is not None and name == "toyworld":
        at = document.at("model", "folder")
        raise ConfigError(
            f"{at}: 'toyworld' is the encoder that ships", "give [model] another name, or no folder"
        )
    if found.encoder is not None:
        _check_texts(found.encoder.texts, "encoder", document)
    _check_texts(found.mlm.texts, "mlm", document)
    reads = any(found.task(name).train is None for name in found.target.tasks)
    layer, layers = found.reading.layer, found.layers
    if reads and layers is not None and layer > layers:
        at = document.at("reading", "layer")
        raise ConfigError(f"{at}: there is no hidden state {layer}, the encoder has {layers} layers")


def _check_texts(texts: Sequence[str], table: str, document: Document) -> None:
    if not texts:
        raise ConfigError(f"{document.at(table, 'texts')}: expected one text or more")
    for number, local in enumerate(texts):
        if local.count("/") != 2:
            at = document.at(table, "texts", number)
            raise ConfigError(f"{at}: {local!r} is not <name>/<config>/<split>")


def check_selection(found: Experiment, document: Document) -> None:
    """Raises ConfigError for a selection on data that a task does not have or that it is tested on."""
    if found.encoder is not None and found.encoder.recipe.select != "last":
        at = document.at("encoder", "recipe", "select")
        raise ConfigError(f"{at}: an encoder ends with its last step", "leave select out")
    for label, recipe in found.recipe.items():
        at = document.at("recipe", label, "select")
        if recipe.method.name == "full" and recipe.select == "oracle":
            raise ConfigError(f"{at}: 'oracle' would keep a whole model for each snapshot", "take a module")
        if label not in found.methods and recipe.select in ("dev", "oracle"):
            raise ConfigError(f"{at}: a language adapter has no development data", "take 'last' or 'average'")
        for name in (*found.intermediate.tasks, *found.target.tasks):
            what = found.task(name)
            trainer = found.selecting.trainer(what)
            hint = f"take select = 'last' or 'average' in [recipe.{label}.task.{trainer.name}]"
            if what.train is None or (how := recipe.of(trainer).select) not in ("dev", "oracle"):
                continue
            if how == "dev" and trainer.dev is None:
                raise ConfigError(f"{at}: 'dev': {trainer.name!r} has no English development data", hint)
            if name in found.target.tasks:
                _check_untested(found, what, trainer, f"{at}: {how!r}", hint)


def _check_untested(found: Experiment, what: Task, trainer: Task, at: str, hint: str) -> None:
    """A target is tested on other data than its weights are selected on."""
    oracle = at.endswith("'oracle'")
    if oracle and what.dev_of is None:
        raise ConfigError(f"{at}: {what.name!r} has no development data in its test languages", hint)
    for language in found.tested(what):
        dev = what.dev_of(language) if oracle and what.dev_of else trainer.dev
        if what.test and set(sources(dev)) & set(sources(what.test(language))):
            raise ConfigError(f"{at} would select on data that {what.name!r} is tested on", hint)
