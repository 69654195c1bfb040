"""The memory that a stage took at its peak, of the same things as what memory.estimate expects."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

BEYOND = "resident memory beyond the frozen encoder"
"""What a peak on a CPU is, as records say it: Python and its libraries would hide what a stage takes."""
TENSORS = "tensors on the device"
"""And on a GPU, the encoder included."""
OWN = Path("/proc/self")


class Resident:
    """What this process takes of the main memory from now on, beyond what it holds.

    What is kept for reuse by an allocator counts as held before. Only where the system can begin to count
    anew (Linux, proc(5), clear_refs).
    """

    def __init__(self, own: Path = OWN) -> None:
        self.own = own
        try:
            (own / "clear_refs").write_text("5")
            self.start: int | None = self._of("VmRSS")
        except OSError:
            self.start = None

    def peak(self) -> int | None:
        """Bytes; None where they cannot be known."""
        return None if self.start is None else max(0, self._of("VmHWM") - self.start)

    def _of(self, name: str) -> int:
        found = re.search(rf"^{name}:\s+(\d+) kB", (self.own / "status").read_text(), re.MULTILINE)
        if found is None:
            raise OSError(f"{self.own / 'status'} has no {name}")
        return 1024 * int(found[1])


class Peak:
    """On a device from now on, when the encoder is loaded; `held` are the bytes of it that train."""

    def __init__(self, device: "torch.device", held: int = 0) -> None:
        self.device, self.held = device, held
        self.resident = Resident() if device.type == "cpu" else None
        if device.type == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats(device)

    def facts(self) -> dict[str, Any]:
        """For a record: the peak so far, and of what; nothing where it cannot be measured."""
        if self.device.type == "cuda":
            import torch

            return _facts(torch.cuda.max_memory_allocated(self.device), TENSORS)
        peak = None if self.resident is None else self.resident.peak()
        return {} if peak is None else _facts(self.held + peak, BEYOND)


def _facts(peak: int, what: str) -> dict[str, Any]:
    return {"peak_memory_bytes": peak, "peak_memory_of": what}
