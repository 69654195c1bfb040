"""Run what is missing of a plan: in this process, or in several at once.

A failure holds back only the stages that need it. A stored file that fails its check is moved aside
and made again. Nothing here decides what a result is; the store does.
"""

import dataclasses
import math
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from xadapt.errors import INTERRUPTED, IntegrityError, XadaptError
from xadapt.workflow.attempt import HOPELESS, Group, Outcome, run_group
from xadapt.workflow.context import Context
from xadapt.workflow.plan import Fits, Plan
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

LARGEST_READ = 64 * 2**20
"""Bytes up to which each finished file of a plan is read when it is run; of larger ones the size counts.

A stage that needs them reads and checks them whole.
"""

GRACE = 30.0
"""Seconds that a worker has for its last step and its checkpoint."""


@dataclass
class _Progress:
    """Which groups wait, run and are over."""

    waiting: list[Group]
    ahead: dict[str, float]
    """The work from each stage to the end of the plan."""
    failed: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)

    def ready(self) -> Iterator[Group]:
        """Groups whose inputs are there, taken off the waiting list; those that lost an input are dropped."""
        for group in list(self.waiting):
            alive = tuple(s for s in group if not self.failed.intersection(s.inputs))
            self.failed.update(s.digest for s in group if s not in alive)
            needed = {digest for stage in alive for digest in stage.inputs}
            if not alive:
                self.waiting.remove(group)
            elif needed <= self.done:
                self.waiting.remove(group)
                yield alive

    def way(self, group: Group) -> float:
        """How long the end of the plan waits at least for the group."""
        return max(self.ahead[stage.digest] for stage in group)


def run(
    plan: Plan,
    context: Context,
    *,
    workers: int = 1,
    together: int = 1,
    fits: Fits | None = None,
    broken: set[str] | None = None,
) -> Iterator[Outcome]:
    """Yield the outcome of each missing stage as it ends.

    `workers` processes work at once, each with its share of the cores; `together` companions, or as many as
    `fits` allows, run in one call. Stages held back by a failure yield nothing: the report shows them as
    missing. `broken` as of `set_aside_broken`, where that was asked already.
    """
    store = context.store
    store.prepare()
    store.sweep()
    broken = set_aside_broken(plan, store) if broken is None else broken
    done = {stage.digest for stage in plan.stages if stage in store} - broken
    groups = plan.groups(together, fits)
    progress = _Progress(_those(groups, plan.by_digest.keys() - done), plan.ahead, done=done)
    blamed = Counter[str]()
    while True:
        broken, again = set[str](), set[str]()
        for outcome in _drive(progress, context, workers):
            error = outcome.error
            # Blamed once more after it was made anew, an input is right: what reads it fails.
            if (
                isinstance(error, IntegrityError)
                and error.digest in plan.by_digest
                and blamed[error.digest] < 2
            ):
                # Only once this round is over: the stage would meet the same broken input at once.
                broken.add(error.digest)
                again.add(outcome.stage.digest)
                continue
            _note(progress, outcome)
            yield outcome
        if not broken:
            return
        for digest in sorted(broken):
            # Whole by now, it may be another run's new one; blamed again, it is wrong in another way.
            wrong = partial(_is_broken, plan.by_digest[digest], store)
            store.quarantine(digest, _yes if digest in blamed else wrong)
            store.failure_file(digest).unlink(missing_ok=True)
        progress.done -= broken
        blamed.update(broken)
        progress.waiting.extend(_those(groups, again | broken))


def _those(groups: Sequence[Group], digests: Collection[str]) -> list[Group]:
    """Of each group these stages, beside each other as ever."""
    found = (tuple(stage for stage in group if stage.digest in digests) for group in groups)
    return [group for group in found if group]


def _yes() -> bool:
    return True


def _is_broken(stage: Stage, store: Store, largest: float = math.inf) -> bool:
    try:
        store.check(stage, largest)
    except IntegrityError:
        return True
    return False


def set_aside_broken(plan: Plan, store: Store) -> set[str]:
    """The digests of what is broken. Below a finished stage nothing is read again: no one else would know."""
    found = set()
    for stage in plan.stages:
        if stage in store and _is_broken(stage, store, LARGEST_READ):
            found.add(stage.digest)
            store.quarantine(stage.digest, partial(_is_broken, stage, store, LARGEST_READ))
    return found


def _note(progress: _Progress, outcome: Outcome) -> None:
    kept = progress.failed if outcome.status == "failed" else progress.done
    if outcome.status != "elsewhere":
        kept.add(outcome.stage.digest)


def _drive(progress: _Progress, context: Context, workers: int) -> Iterator[Outcome]:
    if workers == 1:
        yield from _drive_here(progress, context)
    else:
        yield from _drive_pool(progress, context, workers)


def _drive_here(progress: _Progress, context: Context) -> Iterator[Outcome]:
    elsewhere: list[Stage] = []
    while True:
        moved = False
        for group in progress.ready():
            moved = True
            for outcome in run_group(group, context):
                if outcome.status == "elsewhere":
                    elsewhere.append(outcome.stage)
                yield outcome
        if not moved and not _await_others(progress, context, elsewhere):
            return


def _await_others(progress: _Progress, context: Context, elsewhere: list[Stage]) -> bool:
    """Wait for stages other processes make; take over those whose maker is gone."""
    if not elsewhere:
        return False
    time.sleep(1.0)
    for stage in list(elsewhere):
        if stage in context.store:
            elsewhere.remove(stage)
            progress.done.add(stage.digest)
        else:
            with context.store.lock(stage.digest) as free:
                if free:
                    elsewhere.remove(stage)
                    progress.waiting.insert(0, (stage,))
    return True


def _drive_pool(progress: _Progress, context: Context, workers: int) -> Iterator[Outcome]:
    threads = max(1, (os.cpu_count() or 1) // workers)
    spawn = multiprocessing.get_context("spawn")
    quiet = dataclasses.replace(context, progress=_forget)
    elsewhere: list[Stage] = []
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_prepare_worker, initargs=(threads,))
    running: dict[Future[list[Outcome]], Group] = {}
    ready: list[Group] = []
    try:
        while True:
            # What most still hangs on comes first: no long training is left for one worker at the end.
            ready = sorted((*ready, *progress.ready()), key=progress.way)
            while ready and len(running) < workers:
                group = ready.pop()
                running[pool.submit(_in_worker, group, quiet)] = group
            if not running and not _await_others(progress, context, elsewhere):
                break
            for future in wait(running, timeout=1.0, return_when=FIRST_COMPLETED).done:
                outcomes = _result(future, running.pop(future))
                elsewhere += [outcome.stage for outcome in outcomes if outcome.status == "elsewhere"]
                yield from outcomes
    except BaseException:
        _stop(pool)
        raise
    pool.shutdown()


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers: each finishes its step and saves, and is killed when that takes too long."""
    processes, manager = list((pool._processes or {}).values()), pool._executor_manager_thread
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
    if manager is not None:
        # It ends with the workers; left to the end of the interpreter, that may wake it on a closed pipe.
        manager.join(GRACE)  # type: ignore[attr-defined]


def _result(future: "Future[list[Outcome]]", group: Group) -> list[Outcome]:
    try:
        return future.result()
    except BrokenProcessPool:
        hint = "run again: finished stages are kept; where memory was out, with --workers 1"
        lost = XadaptError("a worker process died", hint)
        raise lost from None
    except HOPELESS:
        raise
    except Exception as error:
        return [Outcome(stage, "failed", error) for stage in group]


def _forget(**facts: Any) -> None:
    """Workers report whole stages only."""


def _prepare_worker(threads: int) -> None:
    """Before torch is imported: two processes with two threads each on two cores are slower than one."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    # Ctrl-C reaches every process of the terminal; the one that started the workers ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _in_worker(group: Group, context: Context) -> list[Outcome]:
    try:
        return run_group(group, context)
    except KeyboardInterrupt:
        # The pool would go on with the next group that it has handed over.
        os._exit(INTERRUPTED)
