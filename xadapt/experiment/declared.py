"""The tasks that an experiment file declares: its `[tasks.NAME]` tables, checked, as tasks."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from xadapt.composition import FORMS as COMPOSITIONS
from xadapt.declared import FORMS, UNANSWERABLE, Declared
from xadapt.errors import ConfigError, DataError, nearest
from xadapt.experiment.tables import HubTable, TaskTable
from xadapt.languages import language as language_of
from xadapt.sources import readers
from xadapt.sources.folder import existing
from xadapt.task import Source, Task
from xadapt.tasks import task, tasks
from xadapt.toml import Document

RESERVED = ("each", "all", "baseline", *COMPOSITIONS)
"""Words that mean something else where tasks are named."""
REVISION = re.compile("[0-9a-f]{40}")


def declared(tables: Mapping[str, TaskTable]) -> dict[str, Task]:
    """The tasks by name, as checked tables say; those that train first, since others use their training."""
    found: dict[str, Task] = {}
    for name, table in sorted(tables.items(), key=lambda each: each[1].trains_as is not None):
        found[name] = _task(name, table, found)
    return {name: found[name] for name in tables}


def _task(name: str, table: TaskTable, others: Mapping[str, Task]) -> Task:
    trainer = task(table.trains_as, declared=others) if table.trains_as else None
    metric = table.metric or (trainer.metric if trainer else FORMS[table.type].metrics[0])
    labels = table.labels or (trainer.labels if trainer else ())
    if table.type == "span":
        labels = (UNANSWERABLE,) if metric == "squad_v2" else ()
    # What is needed and has our name is so anyway; an optional field that is written must be there.
    same = {(field, field) for field in FORMS[table.type].needed}
    value = Declared(
        name=name,
        kind=table.type,
        labels=labels,
        columns=tuple(sorted(set(table.columns.items()) - same)),
        trains_as=table.trains_as,
    )
    tests = {code: _source(given) for code, given in table.test.items()}
    train = _source(table.train) if table.train is not None else None
    return replace(
        value.task,
        title="Declared in the experiment file",
        metric=metric,
        role="target" if tests else "intermediate",
        languages=tuple(tests) or ("en",),
        train=trainer.train if trainer else train,
        test=tests.__getitem__ if tests else None,
        license="that of the data",
        quirks="the user's own data",
    )


def _source(given: str | HubTable) -> Source:
    if isinstance(given, str):
        return Source(path="", config="", split="", local=given, file=Path(given))
    local = f"{given.hub}/{given.config}/{given.split}"
    return Source(
        path=given.hub,
        revision=given.revision,
        config=given.config,
        split=given.split,
        local=local,
        files=given.files,
    )


def checked(tables: Mapping[str, TaskTable], document: Document, home: Path) -> dict[str, TaskTable]:
    """The tables with whole paths and the codes of languages.

    Raises ConfigError for what does not fit together, UnknownName for a language or task that is not there.
    """
    found = {}
    for name, table in tables.items():
        _check_name(name, document)
        found[name] = _placed(name, table, document, home)
    for name, table in found.items():
        _check_parts(name, table, document)
        _check_labels(name, table, document)
        _check_columns(name, table, document)
        _check_training(name, table, found, document)
    for name, what in declared(found).items():
        _check_metric(name, found[name], what, document)
    return found


def _check_name(name: str, document: Document) -> None:
    at = document.at("tasks", name)
    if name in tasks():
        raise ConfigError(f"{at}: {name!r} is a task of xadapt already", "choose another name")
    if name in RESERVED or not re.fullmatch(r"[A-Za-z][\w-]*", name, re.ASCII):
        hint = "use letters, digits, _ and -, and none of " + ", ".join(RESERVED)
        raise ConfigError(f"{at}: {name!r} cannot be the name of a task", hint)


def _placed(name: str, table: TaskTable, document: Document, home: Path) -> TaskTable:
    """Languages by code, each once, and paths from the root: a copy of the experiment lies elsewhere."""
    test: dict[str, str | HubTable] = {}
    for given, source in table.test.items():
        at = document.at("tasks", name, "test", given)
        code = language_of(given, at).code
        if code in test:
            raise ConfigError(f"{at}: the language {code!r} stands there twice")
        test[code] = _checked_source(source, at, home)
    train = table.train
    if train is not None:
        train = _checked_source(train, document.at("tasks", name, "train"), home)
    return replace(table, train=train, test=test)


def _checked_source(given: str | HubTable, at: str, home: Path) -> str | HubTable:
    if isinstance(given, HubTable):
        if given.hub.count("/") != 1:
            raise ConfigError(f"{at}: {given.hub!r} is no hub id (owner/name)")
        if given.revision is not None and not REVISION.fullmatch(given.revision):
            hint = "leave it out, and `xadapt fetch` writes it into the lock file"
            raise ConfigError(f"{at}: revision {given.revision!r} is not 40 hex digits", hint)
        return given
    if not readers.suffix(given):
        raise ConfigError(f"{at}: {given!r} has none of the formats {', '.join(readers.SUFFIXES)}")
    return str((home / given).absolute())


def _check_parts(name: str, table: TaskTable, document: Document) -> None:
    """There is something to train on or to test, as the type has it."""
    at = document.at("tasks", name)
    if table.train is None and not table.test:
        raise ConfigError(f"{at}: missing train or test: where the rows lie")
    if table.type == "mlm" and table.test:
        raise ConfigError(f"{document.at('tasks', name, 'test')}: mlm is not tested, it only trains")
    if table.type == "retrieval" and table.train is not None:
        message = "retrieval trains nothing, it is read from the intermediate module"
        raise ConfigError(f"{document.at('tasks', name, 'train')}: {message}")
    for code, given in table.test.items():
        if given == table.train:
            here = document.at("tasks", name, "test", code)
            raise ConfigError(f"{here}: the rows of train: it would be tested on what it has learnt")


def _check_labels(name: str, table: TaskTable, document: Document) -> None:
    at = document.at("tasks", name, "labels")
    if table.labels and not FORMS[table.type].labelled:
        raise ConfigError(f"{at}: {table.type} has no labels")
    if len(table.labels) == 1:
        raise ConfigError(f"{at}: one label, {table.labels[0]!r}, leaves nothing to tell apart")
    for number, label in enumerate(table.labels):
        here = document.at("tasks", name, "labels", number)
        if not label.strip() or label in table.labels[:number]:
            raise ConfigError(f"{here}: {label!r} " + ("stands there twice" if label.strip() else "is empty"))


def _check_columns(name: str, table: TaskTable, document: Document) -> None:
    form = FORMS[table.type]
    known = (*form.needed, *form.optional)
    for field, column in table.columns.items():
        at = document.at("tasks", name, "columns", field)
        if field not in known:
            raise ConfigError(f"{at}: {table.type} has no field {field!r}{nearest(field, known)}")
        if not isinstance(column, str) and (field != "choices" or len(column) < 2):
            raise ConfigError(f"{at}: expected a column" + " or two and more" * (field == "choices"))


def _check_training(name: str, table: TaskTable, tables: Mapping[str, TaskTable], document: Document) -> None:
    """What is tested is trained somewhere, by a task that fits."""
    if table.trains_as is None:
        if table.test and table.train is None and table.type != "retrieval":
            hint = "or trains_as, the task whose training it uses"
            raise ConfigError(f"{document.at('tasks', name)}: missing train: {table.type} is trained", hint)
        return
    at = document.at("tasks", name, "trains_as")
    if table.train is not None:
        raise ConfigError(f"{at}: it has train as well; give one of both")
    own = {other: replace(each, trains_as=None) for other, each in tables.items() if other != name}
    trainer = task(table.trains_as, at, declared(own))
    if trainer.trains_as is not None:
        raise ConfigError(f"{at}: {trainer.name!r} itself trains as {trainer.trains_as!r}", "name that one")
    if trainer.train is None:
        raise ConfigError(f"{at}: {trainer.name!r} has no training data")
    if trainer.type != table.type:
        raise ConfigError(f"{at}: {trainer.name!r} is {trainer.type}, this task is {table.type}")
    if strange := [label for label in table.labels if trainer.labels and label not in trainer.labels]:
        here = document.at("tasks", name, "labels")
        close = nearest(strange[0], trainer.labels)
        raise ConfigError(f"{here}: {trainer.name!r} has no label {strange[0]!r}{close}")


def _check_metric(name: str, table: TaskTable, what: Task, document: Document) -> None:
    known, at = FORMS[table.type].metrics, document.at("tasks", name, "metric")
    if what.metric not in known:
        raise ConfigError(f"{at}: {what.metric!r} is no metric of {table.type}{nearest(what.metric, known)}")
    if what.metric == "accuracy_f1" and what.declared is not None:
        # Metrics load numpy, which planning does without.
        from xadapt.metrics.accuracy_f1 import POSITIVE

        if not set(POSITIVE) & set(what.declared.labels):
            names = " or ".join(map(repr, POSITIVE))
            raise ConfigError(f"{at}: accuracy_f1 takes F1 of the class {names}, none of the labels declared")


def check_files(tables: Mapping[str, TaskTable], found: Mapping[str, Task], document: Document) -> None:
    """The first row of each file has the columns; that costs little, and a training starts much later.

    Raises DataError with file, line, column and the nearest one.
    """
    for name, table in tables.items():
        value = found[name].declared
        for at, path in _files(name, table, document):
            assert value is not None, "it was made of the table"
            place, row = next(readers.read(existing(path, at), str(path), {}), ("", None))
            if row is None:
                raise DataError(f"{at}: {path}: no row")
            try:
                value.check(row)
            except ValueError as error:
                hint = f"name it in [tasks.{name}.columns]"
                raise DataError(f"{place}: {error}", hint) from error


def _files(name: str, table: TaskTable, document: Document) -> Iterator[tuple[str, Path]]:
    if isinstance(table.train, str):
        yield document.at("tasks", name, "train"), Path(table.train)
    for code, given in table.test.items():
        if isinstance(given, str):
            yield document.at("tasks", name, "test", code), Path(given)
