"""What a process takes of the main memory while something runs, beyond what it held before."""

import re
from pathlib import Path

BEYOND = "resident memory beyond the start of the training"
"""What a peak on a CPU is, as records say it."""
TENSORS = "tensors on the device"
"""And on a GPU, the encoder included."""
OWN = Path("/proc/self")


class Resident:
    """From now on; what is kept for reuse by an allocator counts as held before.

    Only where the system can begin to count anew (Linux, proc(5), clear_refs).
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
