"""Read an experiment file, or one that ships with xadapt."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from xadapt import presets, toml
from xadapt.errors import DataError, UnknownName, nearest
from xadapt.experiment.cells import Experiment
from xadapt.experiment.checks import (
    check_compositions,
    check_goals,
    check_method,
    check_recipe,
    check_selection,
    check_target_tasks,
    check_tasks,
    check_tokens,
    check_values,
)
from xadapt.experiment.declared import check_files, checked
from xadapt.experiment.languages import check as check_languages
from xadapt.experiment.languages import check_cover, placed
from xadapt.languages import language as language_of
from xadapt.shipped import read
from xadapt.sources import lock as locks


def load(name: str, settings: list[str] | None = None, data_folder: Path | None = None) -> Experiment:
    """An experiment by path, or one that ships with xadapt by name.

    Raises ConfigError for what is not strict TOML of this shape or says nothing that could run,
    UnknownName for a file, task or language that is not there, DataError for a data folder that is not.
    """
    if data_folder is not None and not data_folder.is_dir():
        raise DataError(f"--data {data_folder}: no such folder")
    document = presets.expand(toml.assign(read(name), settings or [], closed=("recipe", "tasks")))
    lock = locks.read(locks.beside(name))
    found = replace(toml.build(document, Experiment), data_folder=data_folder, lock=lock)
    check_values(document)
    found = _with_declared(found, document, name)
    check_tasks(found, "intermediate", document)
    check_tasks(found, "target", document)
    for task_name in found.data.task:
        found.task(task_name, document.at("data", "task", task_name))
    for label, recipe in found.recipe.items():
        check_recipe(found, label, recipe, document)
        check_method(found, label, recipe.method, document)
    check_goals(found, document)
    check_target_tasks(found.target, document)
    check_languages(found, document)
    check_compositions(found.target, found.intermediate.tasks, found.methods, found.family, document)
    for label, recipe in found.methods.items():
        check_tokens(found, label, recipe, document)
    found = _with_languages(found, document)
    check_cover(found, document)
    check_selection(found, document)
    return found


def _with_declared(found: Experiment, document: toml.Document, name: str) -> Experiment:
    """The `[tasks.NAME]` checked, their paths and those of `[model]` and `[languages]` whole."""
    path = Path(name)
    home = path.parent if path.is_file() else Path()
    languages = found.languages and placed(found.languages, document, home)
    model = found.model
    if model.folder is not None:
        # From the root, like the others: the copy that a store keeps lies elsewhere.
        model = replace(model, folder=str((home / model.folder).absolute()))
    found = replace(found, model=model, tasks=checked(found.tasks, document, home), languages=languages)
    check_files(found.tasks, found.declared, document)
    return found


def _with_languages(found: Experiment, document: toml.Document) -> Experiment:
    """Other names of languages resolved; each must be tested by some target."""
    codes = []
    every = {code for name in found.target.tasks for code in found.known(found.task(name))}
    for number, name in enumerate(found.data.languages):
        at = document.at("data", "languages", number)
        code = language_of(name, at).code
        if code not in every:
            raise UnknownName(f"{at}: no target has {code!r}{nearest(code, every)}")
        codes.append(code)
    return replace(found, data=replace(found.data, languages=tuple(codes)))


def resolved(experiment: Experiment) -> dict[str, Any]:
    """The experiment as plain data, every default filled in."""
    plain: dict[str, Any] = toml.plain(experiment)
    return plain
