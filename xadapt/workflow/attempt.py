"""Stages that run in one call, and which are tried again when it fails: no more alone than needs be."""

import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

from xadapt.errors import (
    DiskFull,
    DoesNotFit,
    IntegrityError,
    TrainingFailed,
    Unwritable,
    is_out_of_memory,
    out_of_memory,
)
from xadapt.workflow import stopping
from xadapt.workflow.context import Context
from xadapt.workflow.stage import Stage

Group = tuple[Stage, ...]
HOPELESS = (DiskFull, Unwritable)
"""What ends the whole run: every other stage would fail of it too."""
Status = Literal["done", "failed", "elsewhere"]


@dataclass(frozen=True)
class Outcome:
    """What became of one stage: `elsewhere` means that another process is making it."""

    stage: Stage
    status: Status
    error: BaseException | None = None


def run_group(group: Group, context: Context) -> list[Outcome]:
    """Run companions side by side; if that fails, again without the faulty one, so that only it is lost.

    Where the error does not say which one that is, they run in halves when they do not fit, else one by one.
    """
    found = _tried(group, context)
    if not isinstance(found, Exception):
        return found
    if stopping.came():
        raise KeyboardInterrupt from found
    lost = _lost(group, found)
    for stage in lost:
        context.store.note_failure(stage, found)
    outcomes = [Outcome(stage, "failed", found) for stage in lost]
    for part in _parts(tuple(stage for stage in group if stage not in lost), found, bool(lost)):
        outcomes += run_group(part, context)
    return outcomes


def _lost(group: Group, error: Exception) -> Group:
    """Those that would fail alone as well: the one at fault, or all that need a broken input."""
    if len(group) == 1:
        return group
    if isinstance(error, TrainingFailed):
        return tuple(stage for stage in group if stage.digest == error.digest)
    if isinstance(error, IntegrityError):
        return tuple(stage for stage in group if error.digest in stage.inputs)
    return ()


def _parts(rest: Group, error: Exception, cleared: bool) -> list[Group]:
    """How the rest of a group runs again; `cleared` of what was at fault, together."""
    if not rest or cleared:
        return [rest] if rest else []
    if isinstance(error, DoesNotFit):
        half = len(rest) // 2
        return [rest[:half], rest[half:]]
    return [(stage,) for stage in rest]


def _tried(group: Group, context: Context) -> list[Outcome] | Exception:
    """The outcomes, or the error that ended it, without what its frames held: a model, its gradients."""
    try:
        return _attempt(group, context)
    except HOPELESS:
        raise
    except Exception as error:
        each: BaseException | None = error
        while each is not None:
            traceback.clear_frames(each.__traceback__)
            each = each.__cause__ or each.__context__
        if not is_out_of_memory(error):
            return error
        scarce = out_of_memory(group[0].title(), error)
        # Where it arose is stored with the failure.
        scarce.__cause__ = error
        return scarce


def _attempt(group: Sequence[Stage], context: Context) -> list[Outcome]:
    store = context.store
    with ExitStack() as stack:
        mine = [stage for stage in group if stack.enter_context(store.lock(stage.digest))]
        todo = [stage for stage in mine if stage not in store]
        if todo:
            works = [stack.enter_context(store.writing(stage)) for stage in todo]
            titles = ", ".join(stage.title() for stage in todo)
            context.progress(stage=titles)
            notes = type(todo[0]).run_together(todo, [work.out for work in works], context)
            for work, stage in zip(works, todo, strict=True):
                work.notes.update(notes.get(stage.digest, {}))
                if len(todo) > 1:
                    work.notes["together"] = sorted(other.digest for other in todo)
        return [Outcome(stage, "done" if stage in mine else "elsewhere") for stage in group]
