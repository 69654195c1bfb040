"""Large sources stream: five times the rows take about the same memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PREPARE = Path(__file__).parents[2] / "benchmarks" / "prepare.py"


def prepared(*words: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, str(PREPARE), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--format", ".jsonl"), ("--format", ".parquet"), ("--limit", "1000")])
def test_memory_hardly_grows_with_rows(words: tuple[str, ...]) -> None:
    small, large = (prepared("--rows", str(rows), *words) for rows in (30_000, 150_000))
    assert large["read"] == pytest.approx(5 * small["read"], rel=0.01)
    assert large["bytes_read"] > 4 * small["bytes_read"]
    # Ids are held, so that they are unique: some 100 bytes a row, where a row takes five times that.
    assert large["peak_bytes"] < 1.5 * small["peak_bytes"]
