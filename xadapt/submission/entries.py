"""The files that a submission must have, each with the score that it must give again."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xadapt import examples
from xadapt.benchmarks import BENCHMARKS, Name, languages
from xadapt.errors import DataError, UnknownName, nearest
from xadapt.experiment import Experiment
from xadapt.report.table import Result, results
from xadapt.stages.score import Score
from xadapt.submission.formats import FORMATS, Format
from xadapt.submission.system import System
from xadapt.task import Task
from xadapt.tasks import task
from xadapt.workflow.record import Record
from xadapt.workflow.store import Store


@dataclass(frozen=True)
class Entry:
    """One file of a submission."""

    task: Task
    language: str
    score: Score
    real: bool = True
    """Whether the examples are meant to be those of the benchmark, not of the toy world."""

    @property
    def format(self) -> Format:
        return FORMATS[self.task.type]

    @property
    def file(self) -> str:
        return f"{self.task.name}/test-{self.language}.{self.format.suffix}"

    def examples(self, store: Store) -> list[Any]:
        """All test examples. Raises DataError when they cannot be those of the benchmark."""
        path = store.path(self.score.predictions.data) / "examples.jsonl"
        found = list(examples.read(path, self.task.type))
        if self.real:
            self._check(examples.asked(found), store)
        return found

    def _check(self, queries: Sequence[Any], store: Store) -> None:
        rows = self.task.sizes.test if self.task.sizes else None
        if rows is not None and len(queries) != rows:
            raise DataError(f"{self.file}: {len(queries):,} test examples here, the benchmark has {rows:,}")
        notes = Record.read(store.path(self.score.predictions.data)).notes
        dropped = notes.get("dropped")
        # A task that gathers counts what is no test example, such as a gold pair of no sentence.
        if dropped and self.task.read is not None:
            raise DataError(f"{self.file}: the benchmark has test rows that were left out here: {dropped}")
        if self.format.named and (renamed := notes.get("renamed")):
            raise DataError(f"{self.file}: {renamed} test examples here have the id of another one")
        if pattern := self.format.ids:
            wrong = next((each.id for each in queries if not re.fullmatch(pattern, each.id)), None)
            if wrong is not None:
                message = f"{self.file}: {wrong!r} is no id of the benchmark, which are like {pattern}"
                raise DataError(
                    message, "read the benchmark's own files: data.world = 'folder' and --data DIR"
                )


def chosen(benchmark: Name, only: Sequence[str]) -> tuple[str, ...]:
    """The tasks of a submission, or those of them that `only` names. Raises UnknownName for another one."""
    found = BENCHMARKS[benchmark]
    known = tuple(name for name in found.tasks if name not in found.without_file)
    for name in only:
        if name not in known:
            raise UnknownName(f"--task: {name!r} has no file in {found.title}{nearest(name, known)}")
    return tuple(name for name in known if not only or name in only)


def entries(
    asked: Experiment, of: System, benchmark: Name, store: Store, only: Sequence[str] = ()
) -> tuple[Entry, ...]:
    """The files of a whole submission. Raises DataError that lists what is missing, by task and reason."""
    cells = results((cell for cell in asked.cells() if of.made(cell)), store)
    found: list[Entry] = []
    lacking: list[str] = []
    for name in chosen(benchmark, only):
        own = {result.cell.language: result for result in cells if result.cell.task == name}
        if own:
            made = dict(_files(asked, task(name), benchmark, own))
            found += [each for each in made.values() if isinstance(each, Entry)]
            lacking += _reasons(name, made)
        else:
            known = name in asked.target.tasks
            lacking.append(f"{name} ({'not under this composition' if known else 'no target here'})")
    if lacking:
        raise DataError(
            f"{BENCHMARKS[benchmark].title} submission of {of.composition}: missing {'; '.join(lacking)}",
            "`xadapt run` makes what has not run; --task takes some tasks only",
        )
    return tuple(found)


def _files(
    asked: Experiment, what: Task, benchmark: Name, own: Mapping[str, Result]
) -> Iterator[tuple[str, Entry | str]]:
    """(language, its file or why there is none) for each language of the benchmark."""
    toy = asked.data.world == "toyworld"
    limit = None if toy else asked.data.rows(what.name, "test_rows")
    for language in asked.tested(what) if toy else languages(what, benchmark):
        result = own.get(language)
        if result is None:
            yield language, "not tested here"
        elif result.cell.selection == "oracle":
            yield language, "selected on data of its test language, which a submission may not be"
        elif result.cell.score is None or result.value is None:
            yield language, result.why or "has not run"
        elif limit is not None:
            yield language, f"only {limit} rows of it are used"
        else:
            yield language, Entry(what, language, result.cell.score, not toy)


def _reasons(name: str, made: Mapping[str, Entry | str]) -> Iterator[str]:
    """The languages of one reason together; none named where it is the reason of all."""
    for reason in dict.fromkeys(why for why in made.values() if isinstance(why, str)):
        codes = [code for code, why in made.items() if why == reason]
        yield f"{' '.join([name, *(codes if len(codes) < len(made) else ())])} ({reason})"
