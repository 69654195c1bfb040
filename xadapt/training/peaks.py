"""The memory that a stage took at its peak: of a GPU what was allocated, else what the process held."""

import resource
import sys
from contextlib import suppress
from pathlib import Path

import torch

RESET = "5"
"""Written to clear_refs, forgets the peak of the process so far (proc(5)); not everywhere allowed."""


def begin(device: torch.device) -> None:
    """Forget what earlier stages of this process took."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text(RESET, encoding="ascii")


def reached(device: torch.device) -> int:
    """Bytes, since `begin` where that could be; on a CPU the program itself, some 350 MB, is part of it."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
