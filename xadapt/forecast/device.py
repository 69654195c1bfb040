"""How fast a device is: calibrations that were measured here, and stated ones of known accelerators."""

import dataclasses
import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from xadapt.errors import ConfigError, DataError, UnknownName, nearest
from xadapt.forecast.model import Model
from xadapt.forecast.modules import FORWARD_BACKWARD, FULL
from xadapt.forecast.work import Work
from xadapt.memory.estimate import Precision
from xadapt.memory.sizes import Sizes

SCHEMA = 1
CALIBRATED = "calibrated"


@dataclass(frozen=True)
class Cost:
    """Seconds: of a stage whatever it does, of an optimizer step, of a token, of an example."""

    stage: float = 0.0
    step: float = 0.0
    token: float = 0.0
    row: float = 0.0

    def of(self, work: Work, tokens: float = 1.0, layers: float = 1.0) -> float:
        """`tokens` and `layers` scale to a larger model what was measured on another one."""
        spent = self.step * work.steps * layers + self.token * work.tokens * tokens
        return self.stage + spent + self.row * work.rows

    def towards(self, other: "Cost", share: float) -> "Cost":
        """Between this cost (0) and another (1), or beyond."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Cost(*(max(0.0, mine + share * (its - mine)) for mine, its in pairs))


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

    def loading(self, model: Model) -> float:
        """Seconds in which a process loads an encoder, once for all stages that follow on it."""

    def seconds(self, work: Work) -> float: ...


@dataclass(frozen=True)
class Stated:
    """An accelerator by its data sheet; every figure here is an assumption until `bench device` has run."""

    name: str
    peak: float
    """Operations per second of dense matrix products in the precision that xadapt takes there."""
    efficiency: float = 0.35
    launch: float = 0.011
    """Seconds of the host per optimizer step at 24 layers."""
    stage: float = 0.3
    """Seconds of the host per stage: modules and their probes are read, results written."""
    batch: int = 65_536
    """Tokens per forward of a prediction."""
    precision: Precision = "bf16"
    type: str = "cuda"

    def loading(self, model: Model) -> float:
        return 3.0 + 4.0 * model.parameters / 1e9

    @property
    def basis(self) -> str:
        peak = f"{self.peak / 1e12:,.0f} TFLOP/s x {self.efficiency:.0%}"
        return f"stated, not measured: assumed {peak}, {1000 * self.launch:.0f} ms of host per step"

    def seconds(self, work: Work) -> float:
        if work.model is None or not work.flops:
            return HOST[work.cost.split()[0]].of(work)
        steps = work.steps + math.ceil(work.read / self.batch)
        computed = work.flops / (self.peak * self.efficiency)
        host = steps * self.launch * work.model.sizes.layers / 24
        return self.stage + max(computed, host) + HOST["encode"].row * work.rows


HOST = {
    "data": Cost(0.05, row=40e-6),
    "baseline": Cost(0.1, row=40e-6),
    "score": Cost(0.01, row=10e-6),
    "merged": Cost(5.0),
    "train": Cost(5.0),
    "predict": Cost(5.0),
    "encoder": Cost(5.0),
    "encode": Cost(row=60e-6),
}
"""Of one core, by kind of stage: assumptions, of which `data` is measured (README, streams of rows)."""

STATED = {
    device.name: device
    for device in (
        Stated("h200", 989e12),
        Stated("h100", 989e12),
        Stated("a100", 312e12),
        Stated("l40s", 362e12),
        Stated("l4", 121e12),
        Stated("rtx4090", 165e12),
        Stated("rtx3090", 71e12),
        Stated("v100", 15.7e12, precision="fp32"),
        Stated("t4", 8.1e12, precision="fp32"),
    )
}
"""Dense bf16 peaks of the data sheets; V100 and T4 have no bf16 and compute in fp32."""


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
    packages: Mapping[str, str]
    costs: Mapping[str, Cost]
    schema: int = SCHEMA
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

    def seconds(self, work: Work) -> float:
        kind = work.cost.split()[0]
        cost, relative = self._cost(work.cost, work)
        tokens = layers = 1.0
        if work.model is not None and kind in ("train", "predict", "encoder"):
            tokens = relative * work.model.forward(64) / self.model.forward(64)
            if work.scored:
                # What was measured scores no vocabulary.
                tokens *= work.flops / (work.flops - work.scored)
            layers = work.model.sizes.layers / self.model.sizes.layers
        return cost.of(work, tokens, layers)

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
            full = kind == "encoder" or "full" in more
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
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path}: not a file of calibrations ({error})", "remove it, then run xadapt bench device"
        ) from error


def _calibration(facts: dict[str, Any]) -> Calibration:
    costs = {name: Cost(**cost) for name, cost in facts["costs"].items()}
    model = Model(facts["model"]["name"], Sizes(**facts["model"]["sizes"]))
    changed = {"model": model, "costs": costs, "mixed": tuple(facts["mixed"])}
    return Calibration(**facts | changed)


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

    Without a name the best calibration, None when there is none; `warn` hears of those that cannot be read.
    Raises UnknownName for a name that no table has, ConfigError when `calibrated` is asked for before
    anything was, DataError for a name where the file of calibrations is not one.
    """
    if name in STATED:
        return STATED[name]
    every = _readable(name, warn)
    known = [each for each in every if name in (None, CALIBRATED, each.name)]
    if known:
        return min(known, key=lambda each: _apart(each, model, threads))
    if name is None:
        return None
    if name == CALIBRATED:
        raise ConfigError("--device calibrated: nothing was measured here", "run xadapt bench device")
    names = [*STATED, CALIBRATED, *(each.name for each in every)]
    raise UnknownName(
        f"--device {name}: no such device{nearest(name, names)}", f"there are {', '.join(names)}"
    )


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


def _apart(made: Calibration, model: Model | None, threads: int | None) -> tuple[bool, float]:
    size = abs(math.log(made.model.forward(64) / model.forward(64))) if model else 0.0
    return threads is not None and made.threads != threads, size
