"""What every speed benchmark shares: times taken in turn, the machine, the ceiling, one JSON file a device.

On a CPU a time is the CPU time of the process with one thread, which other work on the machine does not
change; on a GPU it is wall time between two synchronisations. Contenders run in turn, round after round,
and each has the median of its rounds.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from xadapt.forecast.machine import processor

LIBRARIES = ("xadapt", "torch", "transformers", "adapters", "peft", "accelerate")
SQUARE = 8192
"""Rows and columns of the products that a GPU is fastest at."""


def quiet(on_gpu: bool = False) -> None:
    """One thread where the CPU is measured, no progress bars and warnings of the libraries."""
    import logging
    import warnings

    import transformers

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not on_gpu:
        torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    logging.getLogger("adapters").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning)


def now(device: torch.device) -> float:
    """Seconds, for differences."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def in_turn(runs: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """The seconds that each of `runs` reports, round after round, interleaved."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            found[name].append(run())
    return found


def timed(call: Callable[[], Any], device: torch.device) -> Callable[[], float]:
    """`call` as something that reports its seconds."""

    def run() -> float:
        start = now(device)
        call()
        return now(device) - start

    return run


def medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(found) for name, found in times.items()}


def matmul_ceiling(device: torch.device, dtype: torch.dtype, tokens: int, inner: int, outer: int) -> float:
    """FLOP/s of the best of twenty products [tokens, inner] x [inner, outer] on this device, now.

    On a GPU of the best of twenty rows of such products, or of square ones that are as fast as it gets.
    """
    shapes = [(tokens, inner, outer)]
    if device.type == "cuda":
        shapes.append((SQUARE, SQUARE, SQUARE))
    return max(_products(device, dtype, *shape) for shape in shapes)


def _products(device: torch.device, dtype: torch.dtype, tokens: int, inner: int, outer: int) -> float:
    x = torch.randn(tokens, inner, device=device, dtype=dtype)
    w = torch.randn(inner, outer, device=device, dtype=dtype)
    # Between two synchronisations many, or launching them would count.
    many = 20 if device.type == "cuda" else 1

    def run() -> None:
        for _ in range(many):
            x @ w

    run()
    spent = min(timed(run, device)() for _ in range(20))
    return many * 2 * tokens * inner * outer / spent


def machine(device: torch.device) -> dict[str, Any]:
    """What the figures were taken on."""
    on_gpu = device.type == "cuda"
    facts: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if on_gpu else processor(),
        "clock": "wall, synchronised" if on_gpu else "process CPU time, one thread",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "date": f"{datetime.now(UTC):%Y-%m}",
    }
    if on_gpu:
        facts["cuda"] = torch.version.cuda
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            facts[name] = version(name)
    return facts


def keep(benchmark: str, part: str, facts: dict[str, Any], device: torch.device) -> Path:
    """Put `facts` under `part` into results/<benchmark>_<device>_<yyyymm>.json, beside other parts."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    date = f"{datetime.now(UTC):%Y%m}"
    path = Path(__file__).parent / "results" / f"{benchmark}_{name.replace(' ', '_')}_{date}.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    on = machine(device)
    assert not facts.keys() & on.keys(), "a figure would be lost"
    path.write_text(json.dumps(known | {part: facts | on}, indent=2) + "\n", encoding="utf-8")
    return path
