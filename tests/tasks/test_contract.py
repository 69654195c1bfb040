"""What every task file must be, held against all of them at once; a new task needs nothing here."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from xadapt import examples, toyworld
from xadapt.benchmarks import languages
from xadapt.examples import KINDS
from xadapt.languages import LANGUAGES
from xadapt.metrics import metrics, tuned
from xadapt.sources import origins
from xadapt.stages.data import Data
from xadapt.task import Source, Task, sources
from xadapt.tasks import task, tasks
from xadapt.workflow.context import Context
from xadapt.workflow.store import Store

TASKS = sorted(tasks())
COUNTS = {
    "xnli": (15, 15),
    "pawsx": (7, 7),
    "udpos": (33, 38),
    "panx": (40, 48),
    "xquad": (11, 12),
    "mlqa": (7, 7),
    "tydiqa": (9, 9),
    "tatoeba": (36, 41),
    "xcopa": (11, 11),
    "lareqa": (11, 11),
    "mewslix": (11, 11),
    "bucc2018": (4, 4),
}
"""Languages of each list, as XTREME's `evaluate.py` counts them: of XTREME, and of XTREME-R."""
LOCAL = {"ccg", "text"}
"""Tasks whose data are not on the hub."""
LOCAL_TEST = {"lareqa"}
"""Tasks whose test data are not."""
OPEN = {"ccg"}
"""Tasks whose labels only the data know."""


def every_source(what: Task) -> list[Source]:
    found = [*sources(what.train), *sources(what.dev)]
    for code in (*what.languages, *what.wider) if what.test else ():
        found += sources(what.test(code))  # type: ignore[misc]
    return found


@pytest.mark.parametrize("name", TASKS)
def test_names_and_kinds_are_known(name: str) -> None:
    what = task(name)
    assert import_module(f"xadapt.tasks.{name}").TASK is what
    assert what.name == name
    assert what.type in KINDS
    assert what.metric in metrics()
    assert what.role in ("intermediate", "target", "text")
    assert what.title and what.version >= 1
    assert what.trains_as is None or task(what.trains_as).train == what.train


@pytest.mark.parametrize("name", TASKS)
def test_languages_and_labels_are_unique_and_known(name: str) -> None:
    what = task(name)
    every = what.languages + what.wider
    assert len(set(every)) == len(every)
    assert set(every) <= set(LANGUAGES)
    assert len(set(what.labels)) == len(what.labels)
    if what.type == "span":
        assert what.labels in ((), ("unanswerable",))
    else:
        assert bool(what.labels) == (what.type in ("classification", "tagging") and name not in OPEN)


@pytest.mark.parametrize("name", TASKS)
def test_sources_are_complete(name: str) -> None:
    what = task(name)
    assert what.train or what.test
    assert what.role != "target" or (what.test and what.quirks and what.license and what.benchmarks)
    for source in every_source(what):
        local = name in LOCAL or (name in LOCAL_TEST and source.split == "test")
        assert source.config and source.split and bool(source.path) == (not local)
        assert len(source.local.split("/")) == 3
        assert source.revision is None or re.fullmatch("[0-9a-f]{40}", source.revision)


@pytest.mark.parametrize("name", [name for name in TASKS if task(name).tune])
def test_data_to_tune_on_are_others_than_the_tested(name: str) -> None:
    what = task(name)
    assert what.tune and what.test and tuned(what.metric)
    for code in what.languages:
        own, tested = sources(what.tune(code)), sources(what.test(code))
        assert not {each.local for each in own} & {each.local for each in tested}
        assert all(len(each.local.split("/")) == 3 for each in own)


@pytest.mark.parametrize("name", sorted(set(TASKS) - LOCAL))
def test_hub_sources_have_an_owner(name: str) -> None:
    assert all(source.path.count("/") == 1 for source in every_source(task(name)) if source.path)


@pytest.mark.parametrize("name", COUNTS)
def test_benchmark_lists_have_their_size(name: str) -> None:
    assert (len(languages(task(name), "xtreme")), len(languages(task(name), "xtreme-r"))) == COUNTS[name]


@pytest.mark.parametrize("name", TASKS)
def test_the_toy_world_serves_every_task(name: str, tmp_path: Path) -> None:
    what = task(name)
    for given in (what.train, what.dev):
        assert_reads(what, sources(given), tmp_path)
    for language in toyworld.LANGUAGES:
        # Tatoeba and BUCC have no English, and MNLI's English alone is a task's own data.
        if what.test and not (what.type in ("retrieval", "mining") and language == "en"):
            assert_reads(what, sources(what.test(language)), tmp_path)


def assert_reads(what: Task, found: tuple[Source, ...], folder: Path) -> None:
    """Read by the stage itself, which refuses too many bad rows and none at all."""
    if not found:
        return
    rows = origins(found, "toyworld", None, 4)
    notes = Data(task=what.name, task_version=what.version, rows=rows).run(folder, Context(Store(folder)))
    made = list(examples.read(folder / "examples.jsonl", what.type))
    assert len(made) == notes["kept"] > 0 and not notes.get("flawed")
    assert all(isinstance(example, KINDS[what.type]) for example in made), found
