"""Faults from outside: a disk that is full or forbidden, a goal that was changed, an error of ours."""

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import safetensors

from xadapt.errors import DiskFull, DoesNotFit, IntegrityError, Unwritable
from xadapt.workflow import store as stores
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

from .fakes import Weights, Word

A = Word(text="a")
B = Word(text="b", needs=(A,))


@dataclass(frozen=True, kw_only=True)
class Refused(Stage):
    """Meets a folder that it may not read, outside the store."""

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere/rows.jsonl")


@pytest.fixture
def context(tmp_path) -> Context:
    return Context(store=Store(tmp_path / "runs"))


def test_a_full_disk_ends_the_run_and_keeps_what_was_finished(context, monkeypatch):
    sync, calls = stores._sync, []

    def full(path: Path) -> None:
        calls.append(path)
        if path.name == "text.txt" and (path.read_text() != "a"):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(path)

    monkeypatch.setattr(stores, "_sync", full)
    others = [Word(text=f"w{n}", needs=(B,)) for n in range(5)]
    with pytest.raises(DiskFull, match="bytes free") as caught:
        list(run(Plan.of(others), context))
    assert caught.value.code == 6
    assert A in context.store and B not in context.store
    assert context.store.failure(B.digest) is None, "a full disk is no property of the stage"
    monkeypatch.undo()
    assert [o.status for o in run(Plan.of(others), context)] == ["done"] * 6


@pytest.mark.parametrize("code", ["ENOSPC", "EDQUOT"])
def test_weights_that_find_a_full_disk_end_the_run_too(context, monkeypatch, code):
    """safetensors says so in words: no OSError, and no place."""
    number, calls = getattr(errno, code), []

    def full(*_: Any, **__: Any) -> None:
        calls.append(code)
        said = f"Error while serializing: I/O error: {os.strerror(number)} (os error {number})"
        raise safetensors.SafetensorError(said)

    monkeypatch.setattr("safetensors.torch.save_file", full)
    group = [Weights(text=f"k{n}") for n in range(3)]
    with pytest.raises(DiskFull, match=r"cannot write to .*bytes free") as caught:
        list(run(Plan.of(group), context, together=3))
    assert caught.value.code == 6 and len(calls) == 1, "no other one is tried"
    assert not list(context.store.root.glob(".failed/*"))


def test_other_words_of_that_library_are_a_failure_of_the_stage(context, monkeypatch):
    def odd(*_: Any, **__: Any) -> None:
        raise safetensors.SafetensorError("I/O error: No such file or directory (os error 2)")

    monkeypatch.setattr("safetensors.torch.save_file", odd)
    outcomes = list(run(Plan.of([Weights(text="a"), Word(text="b")]), context))
    assert [o.status for o in outcomes] == ["failed", "done"]


@pytest.mark.parametrize("place", ["file/runs", "file"])
def test_a_place_that_cannot_hold_a_store_is_said_before_anything_runs(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unwritable, match="cannot keep a store at"):
        list(run(Plan.of([A]), Context(store=Store(tmp_path / place))))


def test_a_forbidden_store_is_said_before_anything_runs(context, monkeypatch):
    def forbidden(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(context.store.root))

    monkeypatch.setattr(stores.tempfile, "TemporaryFile", forbidden)
    with pytest.raises(Unwritable, match="no permission to write"):
        list(run(Plan.of([A]), context))


def test_what_a_stage_may_not_read_is_not_blamed_on_the_store(context):
    outcomes = list(run(Plan.of([Refused(), A]), context))
    assert [o.status for o in outcomes] == ["failed", "done"]
    failure = context.store.failure(Refused().digest)
    assert failure is not None and "/elsewhere/rows.jsonl" in failure["error"] and failure["code"] == 1


def test_an_error_of_ours_leaves_its_traceback_in_the_store(context):
    odd = Word(text="odd")
    list(run(Plan.of([odd]), context))
    failure = context.store.failure(odd.digest)
    assert failure is not None and failure["error"] == "ZeroDivisionError: a fault of ours"
    assert "fakes.py" in failure["traceback"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_changed_goal_is_set_aside_and_made_again(context, workers):
    list(run(Plan.of([B]), context))
    (context.store.folder(B.digest) / "text.txt").write_text("99.9")
    fresh = Context(store=Store(context.store.root))
    outcomes = list(run(Plan.of([B]), fresh, workers=workers))
    assert [o.stage.text for o in outcomes] == ["b"]
    assert (fresh.store.path(B) / "text.txt").read_text() == "a b"


@pytest.mark.parametrize("left", ["folder", "file"])
def test_a_folder_without_its_record_is_set_aside_and_made_again(context, left):
    list(run(Plan.of([B]), context))
    folder = context.store.folder(A.digest)
    (folder / "record.json").unlink()
    if left == "file":
        shutil.rmtree(folder)
        folder.write_text("")
    fresh = Context(store=Store(context.store.root))
    assert A not in fresh.store and [o.status for o in run(Plan.of([B]), fresh)] == ["done"]
    assert (fresh.store.path(A) / "text.txt").read_text() == "a"
    assert len(list((fresh.store.root / ".quarantine").iterdir())) == 1


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("unable to mmap 9 bytes from file <weights.bin>: Cannot allocate memory (12)"),
        safetensors.SafetensorError("Cannot allocate memory (os error 12)"),
    ],
    ids=str,
)
def test_weights_that_cannot_be_mapped_are_want_of_memory(context, monkeypatch, error):
    def scarce(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("safetensors.torch.save_file", scarce)
    stage = Weights(text="a")
    (outcome,) = run(Plan.of([stage]), context)
    assert isinstance(outcome.error, DoesNotFit) and "--memory" in outcome.error.hint
    assert str(outcome.error) == f"word a: out of memory ({error})"
    failure = context.store.failure(stage.digest)
    assert failure is not None and "in scarce\n" in failure["traceback"]


@dataclass(frozen=True, kw_only=True)
class Blaming(Word):
    """Finds fault with what it needs, however often that is made anew."""

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        need = self.needs[0]
        raise IntegrityError(f"{context.store.path(need)}: odd", digest=need.digest)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_input_that_stays_blamed_is_made_anew_once(context, workers):
    blaming = Blaming(text="blaming", needs=(A,))
    words = [Word(text=f"w{n}") for n in range(5)]
    outcomes = list(run(Plan.of([blaming, B, *words]), context, workers=workers))
    assert [o.stage for o in outcomes if o.status == "failed"] == [blaming]
    assert (context.store.root / ".ran").read_text().split().count("a") == 2
    failure = context.store.failure(blaming.digest)
    assert failure is not None and failure["code"] == 5
    assert A in context.store and B in context.store
