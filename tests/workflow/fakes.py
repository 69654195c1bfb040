"""Stages that need nothing: they write what their inputs wrote, and fail or wait when told."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xadapt.errors import TrainingFailed
from xadapt.workflow.context import Context
from xadapt.workflow.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Word(Stage):
    """Writes its text after the words it needs."""

    text: str
    needs: tuple["Word", ...] = ()

    def title(self) -> str:
        return f"word {self.text}"

    def companions(self) -> str | None:
        return "words" if self.text.startswith("k") else None

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        if self.text == "bad":
            raise TrainingFailed("bad: loss nan at step 3")
        if self.text == "odd":
            raise ZeroDivisionError("a fault of ours")
        if self.text == "killed":
            (out / "part.txt").write_text("half")
            os.kill(os.getpid(), 9)
        if self.text == "slow":
            time.sleep(1.5)
        before = [(context.store.path(need) / "text.txt").read_text() for need in self.needs]
        with (context.store.root / ".ran").open("a") as log:
            log.write(f"{self.text}\n")
        (out / "text.txt").write_text(" ".join([*before, self.text]))
        return {"words": len(before) + 1}


@dataclass(frozen=True, kw_only=True)
class Weights(Word):
    """Writes its text as weights: by a library whose errors are its own."""

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        from safetensors.torch import save_file

        save_file({}, out / "weights", metadata={"text": self.text})
        return {}
