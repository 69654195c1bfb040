"""This machine, as far as it tells whose calibration is its own, without torch."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from xadapt.workflow.record import package_versions

MATTER = ("torch", "xadapt")
"""Packages whose version changes how long a stage takes."""


@cache
def processor() -> str:
    """As the system names it, with its cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        named = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        named = platform.processor() or platform.machine()
    return f"{named}, {os.cpu_count()} cores"


DRIVERS = ("/dev/nvidia0", "/dev/kfd", "/dev/dxg")
"""What a GPU looks like where the program of its driver is not there: NVIDIA, AMD, Windows below Linux."""


@cache
def gpus() -> frozenset[str] | None:
    """The names of its NVIDIA GPUs, by the program that comes with their driver; None without one."""
    asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return frozenset(map(str.strip, done.stdout.splitlines()))


def has(device: str, name: str) -> bool:
    """Whether a device of this name, and of this type as torch calls it, is of this machine."""
    if device == "cuda":
        known = gpus()
        if known is None:
            return any(Path(each).exists() for each in DRIVERS)
        # torch adds the slice of a GPU to its name.
        return any(name == each or name.startswith(f"{each} MIG") for each in known)
    return sys.platform == "darwin" if device == "mps" else name == processor()


def other_versions(packages: Mapping[str, str]) -> str:
    """Of packages that matter those that are of another version here; empty where there are none."""
    here = package_versions()
    odd = [name for name in MATTER if packages.get(name, here.get(name)) != here.get(name)]
    return ", ".join(f"{name} {packages[name]}, not {here.get(name, 'any')}" for name in odd)
