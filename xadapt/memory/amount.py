"""Amounts of memory as people write them."""

import math
import re

from xadapt.errors import ConfigError
from xadapt.errors import shown as quoted

UNITS = {"MB": 2**20, "GB": 2**30, "TB": 2**40}
"""Powers of two, as graphics cards are sold."""


def parse(text: str) -> int:
    """Bytes of "8GB", "8 GiB", "11.5G" or "800MB". Raises ConfigError for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([MGT])(?:i?B)?\s*", text, re.IGNORECASE)
    size = float(found[1]) * UNITS[found[2].upper() + "B"] if found else 0.0
    if not 0 < size < math.inf:
        raise ConfigError(f"--memory {quoted(text)} is no amount; write for example 8GB or 800MB")
    return int(size)


def shared(each: float, workers: int) -> str:
    """What was asked for, and what of it each worker has."""
    if workers == 1:
        return shown(each)
    return f"{shown(each * workers)}, {shown(each)} for each of {workers} workers"


def shown(size: float) -> str:
    """As it is written."""
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.0f} MB"
