"""How fast a device is: calibrations that were measured here, and stated ones of known accelerators."""

import dataclasses
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from xadapt import typed
from xadapt.errors import ConfigError, DataError, UnknownName, nearest
from xadapt.forecast import machine
from xadapt.forecast.model import Model
from xadapt.forecast.modules import FORWARD_BACKWARD, FULL
from xadapt.forecast.stated import STATED, Cost
from xadapt.forecast.stepping import BESIDE, Steps
from xadapt.forecast.stepping import seconds as stepping
from xadapt.forecast.work import Work
from xadapt.memory.estimate import Precision

SCHEMA = 2
CALIBRATED = "calibrated"
NEEDED = ("train bottleneck alone", "predict bottleneck alone")
"""Costs that stand for whatever else was not measured."""
ANEW = "remove it, then run xadapt bench device"
COMPARED = 45e-9
"""Seconds of one core for a query and a candidate, measured on 3,000 by 3,000 vectors of 128 and of 1,024."""


class Device(Protocol):
    """What says how long a work takes."""

    @property
    def name(self) -> str: ...

    @property
    def precision(self) -> Precision: ...

    @property
    def basis(self) -> str:
        """Where its figures come from, in a few words."""

    @property
    def type(self) -> str:
        """As torch calls it: cuda, mps or cpu."""

    @property
    def room(self) -> int | None:
        """Bytes of a GPU; None for a CPU."""

    def loading(self, model: Model) -> float:
        """Seconds in which a process loads an encoder, once for all stages that follow on it."""

    def seconds(self, work: Work) -> float:
        """Without loading its encoder."""

    def together(self, works: Sequence[Work]) -> float:
        """Seconds of trainings side by side, without loading their encoder."""


@dataclass(frozen=True)
class Calibration:
    """What `xadapt bench device` measured: costs by name, and the model that they were measured with."""

    name: str
    threads: int
    precision: Precision
    clock: str
    """`cpu` for process CPU time, which other programs disturb least, `wall` otherwise."""
    date: str
    model: Model
    packages: dict[str, str]
    costs: dict[str, Cost]
    schema: int = SCHEMA
    beside: float = BESIDE
    """What a further training side by side adds to the overhead of a step, as a share of it."""
    apart: float = 1.0
    """The same of what a training costs beside its steps."""
    memory: int = 0
    """Bytes of a GPU; 0 of a CPU."""
    mixed: tuple[float, float] = (0.0, 1.0)
    """Widths of all mixed modules at which `fuse few` and `fuse many` were measured, in hidden sizes."""
    type: str = "cpu"
    """As torch calls it."""

    def loading(self, model: Model) -> float:
        """Measured in a process that has loaded it, so that no stage pays; of the whole it is seconds."""
        return 0.0

    @property
    def basis(self) -> str:
        clock = "process CPU time" if self.clock == "cpu" else "wall time"
        threads = (
            f", {self.threads} thread" + "s" * (self.threads > 1)
            if self.clock == "cpu" or self.threads
            else ""
        )
        return f"measured {self.date} with {self.model.name} ({clock}{threads}, {self.precision})"

    @property
    def room(self) -> int | None:
        return self.memory or None

    def seconds(self, work: Work) -> float:
        cost, tokens, layers = self._scaled(work)
        if work.trained and work.steps:
            return self.together([work])
        return cost.of(work, tokens, layers) + self._comparing(work, cost)

    def _comparing(self, work: Work, cost: Cost) -> float:
        """Queries with candidates: a CPU is held up by keeping the best, a GPU counts their products."""
        if self.room is None or work.model is None:
            return COMPARED * work.pairs
        return cost.token * 2 * work.pairs * work.model.sizes.hidden / self.model.forward(64)

    def together(self, works: Sequence[Work]) -> float:
        spent, stages, every = 0.0, [], []
        for work in works:
            cost, tokens, layers = self._scaled(work)
            stages.append(cost.stage)
            spent += cost.row * work.rows + cost.token * tokens * work.read
            every.append(Steps(work.steps, cost.step * layers, cost.token * tokens * work.step))
        spent += max(stages) + self.apart * (sum(stages) - max(stages))
        return spent + stepping(every, self.beside, overlaps=self.room is not None)

    def _scaled(self, work: Work) -> tuple[Cost, float, float]:
        """What was measured, and how much more a token and a step of this model cost."""
        kind = work.cost.split()[0]
        cost, relative = self._cost(work.cost, work)
        if work.model is None or kind not in ("train", "predict", "encoder"):
            return cost, 1.0, 1.0
        tokens = relative * work.depth * work.model.forward(64) / self.model.forward(64)
        if work.scored:
            # What was measured scores no vocabulary.
            tokens *= work.flops / (work.flops - work.scored)
        return cost, tokens, work.model.sizes.layers / self.model.sizes.layers

    def _cost(self, name: str, work: Work) -> tuple[Cost, float]:
        """(the nearest that was measured, what its tokens cost more by their operations)."""
        if f"{name} few" in self.costs:
            few, many = self.mixed
            share = (work.mixed - few) / (many - few)
            return self.costs[f"{name} few"].towards(self.costs[f"{name} many"], share), 1.0
        if name in self.costs:
            return self.costs[name], 1.0
        kind, *more = name.split()
        if kind in ("train", "encoder", "predict"):
            # Only what trains has gradients of all weights.
            full = kind == "encoder" or (kind == "train" and "full" in more)
            found = self.costs.get(f"{'predict' if kind == 'predict' else 'train'} bottleneck alone", Cost())
            return found, FULL / FORWARD_BACKWARD if full else 1.0
        others = [cost for other, cost in self.costs.items() if other.split()[0] == kind]
        return min(others, key=lambda cost: (cost.row, cost.step), default=Cost()), 1.0


def place() -> Path:
    """The file of calibrations, in the cache folder of the platform; XDG_CACHE_HOME comes first."""
    home = Path.home()
    if given := os.environ.get("XDG_CACHE_HOME"):
        root = Path(given)
    elif sys.platform == "darwin":
        root = home / "Library" / "Caches"
    elif sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    else:
        root = home / ".cache"
    return root / "xadapt" / "devices.json"


def calibrations() -> list[Calibration]:
    """Every one of this schema that is kept, newest first; raises DataError for a file that is not ours."""
    return _kept()[0]


def _kept() -> tuple[list[Calibration], list[dict[str, Any]]]:
    """(those of this schema, those of others as they stand in the file)."""
    path = place()
    try:
        every = json.loads(path.read_text(encoding="utf-8"))
        ours = [_calibration(each) for each in every if each["schema"] == SCHEMA]
        return ours, [each for each in every if each["schema"] != SCHEMA]
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})", ANEW) from error
    except typed.Wrong as error:
        at = ".".join(map(str, error.keys))
        raise DataError(f"{path}: not a file of calibrations ({at}: {error})", ANEW) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: not a file of calibrations ({error})", ANEW) from error


def _calibration(facts: dict[str, Any]) -> Calibration:
    made: Calibration = typed.build(Calibration, facts, ())
    for name in NEEDED:
        if name not in made.costs:
            raise typed.Wrong(("costs",), f"missing key {name!r}")
    if made.model.forward(64) <= 0:
        raise typed.Wrong(("model", "sizes"), "there is nothing in it to compute")
    if len(set(made.mixed)) != 2 or len(made.mixed) != 2:
        raise typed.Wrong(("mixed",), f"expected two widths, got {made.mixed}")
    return made


def keep(made: Calibration) -> Path:
    """Beside those of other devices, models and numbers of threads."""
    from xadapt.workflow.store import write_atomically

    ours, foreign = _kept()
    others = [each for each in ours if _same(each) != _same(made)]
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = [*(dataclasses.asdict(each) for each in (made, *others)), *foreign]
    write_atomically(path, json.dumps(facts, indent=1) + "\n")
    return path


def _same(made: Calibration) -> tuple[str, int, str, str]:
    return made.name, made.threads, made.precision, made.model.name


def device(
    name: str | None,
    model: Model | None,
    threads: int | None = None,
    warn: Callable[[str], None] = lambda text: None,
) -> Device | None:
    """The device of `--device`: a stated one, or the calibration that fits the model and threads best.

    Without a name, or by `calibrated`, one of this machine, first of its GPU, as `auto` runs; None when there
    is none. `warn` hears of what is left aside, and of what may be otherwise than it was measured.
    Raises UnknownName for a name that no table has, ConfigError when `calibrated` is asked for before
    anything was, DataError for a name where the file of calibrations is not one.
    """
    if name in STATED:
        return STATED[name]
    every = _readable(name, warn)
    here = name in (None, CALIBRATED)
    known = [each for each in every if (machine.has(each.type, each.name) if here else each.name == name)]
    if known:
        found = min(known, key=lambda each: _apart(each, model, threads))
        _remark(found, threads, warn)
        return found
    if every and here:
        names = ", ".join(sorted({each.name for each in every}))
        warn(f"{place()}: of other machines ({names}), left aside; --device NAME takes one")
    if name is None:
        return None
    if name == CALIBRATED:
        raise ConfigError("--device calibrated: nothing was measured here", "run xadapt bench device")
    names_known = [*STATED, CALIBRATED, *(each.name for each in every)]
    raise UnknownName(
        f"--device {name}: no such device{nearest(name, names_known)}", f"there are {', '.join(names_known)}"
    )


def _remark(made: Calibration, threads: int | None, warn: Callable[[str], None]) -> None:
    own = made.type == "cpu" and machine.has(made.type, made.name)
    if own and threads is not None and made.threads != threads:
        warn(
            f"{made.name} was measured with threads = {made.threads}, a process here has {threads}: "
            f"xadapt bench device with the same --workers measures that"
        )
    if odd := machine.other_versions(made.packages):
        warn(f"{made.name} was measured with {odd}: xadapt bench device measures anew")


def _readable(name: str | None, warn: Callable[[str], None]) -> list[Calibration]:
    """What is not asked for by name is left aside where it cannot be read."""
    try:
        ours, foreign = _kept()
    except DataError as error:
        if name is not None:
            raise
        warn(f"{error}; left aside: xadapt bench device measures anew once it is removed")
        return []
    if foreign:
        schemas = ", ".join(sorted({str(each["schema"]) for each in foreign}))
        warn(f"{place()}: {len(foreign)} calibrations of schema {schemas}, not {SCHEMA}, left aside")
    return ours


def _apart(made: Calibration, model: Model | None, threads: int | None) -> tuple[bool, bool, float]:
    size = abs(math.log(made.model.forward(64) / model.forward(64))) if model else 0.0
    cpu = made.type == "cpu"
    return cpu, cpu and threads is not None and made.threads != threads, size
