"""An experiment with everything that it reads from the hub locked, and on this machine."""

import shlex
from dataclasses import replace

from xadapt.errors import DataError
from xadapt.experiment.cells import Experiment
from xadapt.sources import fetch
from xadapt.sources import lock as locks
from xadapt.sources.asking import Unreachable
from xadapt.sources.fetch import Needs
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store


def locked(asked: Experiment, name: str) -> tuple[Experiment, Plan]:
    """The experiment with a whole lock, and its plan; what is new in the lock is written beside `name`.

    Raises DataError for what the hub does not have or does not give, ConfigError for a lock that cannot be
    written.
    """
    plan, path = Plan.of(asked.goals()), locks.beside(name)
    if not Needs.of(plan.stages).unlocked:
        return asked, plan
    with fetch.alone(path):
        # Another process may have written it while this one waited; what it found is not looked up again.
        asked = replace(asked, lock=locks.read(path))
        needed = Needs.of(Plan.of(asked.goals()).stages)
        lock = fetch.resolve(needed, asked.lock, lambda lock: locks.write(lock, path))
    found = replace(asked, lock=lock)
    return found, Plan.of(found.goals())


def ready(asked: Experiment, name: str, store: Store) -> tuple[Experiment, Plan]:
    """The same, with what stages read that the store does not have downloaded.

    Without a network the error says what to run where there is one.
    """
    try:
        asked, plan = locked(asked, name)
        missing = Needs.of(plan.missing(store))
        if missing.absent():
            for _ in fetch.download(missing):
                pass
    except Unreachable as error:
        hint = f"run `{shlex.join(['xadapt', 'fetch', name])}` where there is a network, then this again"
        raise DataError(error.message, hint) from error
    return asked, plan
