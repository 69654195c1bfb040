"""Where stages run: everything a run may use that must never change a result."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xadapt.workflow.store import Store


def _silent(**facts: Any) -> None:
    """No one is watching."""


@dataclass(frozen=True)
class Context:
    """Passed to `Stage.run`; never part of a digest."""

    store: "Store"
    data: Path | None = None
    """Folder that holds local datasets, laid out `<name>/<config>/<split>.jsonl`."""
    device: str = "auto"
    precision: str = "auto"
    memory: int | None = None
    """Bytes of the device that one process may use; None for what there is."""
    workers: int = 1
    """Processes that have as much each."""
    bits: int | None = None
    """8 or 4 where the frozen matrices are quantised so that they fit."""
    checkpoint_seconds: float = 60.0
    progress: Callable[..., None] = field(default=_silent, compare=False)
    """Called with keyword facts such as `step=`, `steps=`, `tokens=` while a stage runs."""
