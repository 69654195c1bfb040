"""The state of a loop in one file: written beside the old one, synced, then renamed over it."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

NAME = "checkpoint.safetensors"
FORMAT = 2
"""Raised when `curves` or the tensors mean something else."""


@dataclass(frozen=True)
class Checkpoint:
    """Where the loop of these stages keeps its state; `owners` are their digests, in order."""

    folder: Path
    owners: Sequence[str]
    seconds: float

    def save(
        self, step: int, curves: Any, tensors: Mapping[str, torch.Tensor], memory: Mapping[str, Any]
    ) -> None:
        """`curves` and `memory`, what was found out about it, are JSON data."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{NAME}.{os.getpid()}"
        facts = {"format": FORMAT, "step": step, "owners": list(self.owners), "curves": curves}
        facts["memory"] = dict(memory)
        flat = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(flat, part, metadata={"state": json.dumps(facts)})
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(self.folder / NAME)

    def load(self, tensors: Mapping[str, torch.Tensor]) -> tuple[int, Any, dict[str, Any]] | None:
        """Copy the saved state into `tensors` and return (step, curves, memory).

        None when there is none, or it belongs to other stages, or is of an older form or not whole: then the
        stage starts again from its inputs, which is right, only slower. A state is never taken in part.
        """
        path = self.folder / NAME
        if not path.exists():
            return None
        try:
            with safe_open(path, "pt") as file:
                facts = json.loads((file.metadata() or {}).get("state", "{}"))
                saved = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError):
            return None
        same = facts.get("format") == FORMAT and facts.get("owners") == list(self.owners)
        if not same or saved.keys() != tensors.keys():
            return None
        if any(saved[name].shape != tensor.shape for name, tensor in tensors.items()):
            return None
        with torch.no_grad():
            for name, tensor in tensors.items():
                tensor.copy_(saved[name])
        return int(facts["step"]), facts["curves"], facts.get("memory", {})
