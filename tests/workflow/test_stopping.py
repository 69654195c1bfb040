"""A stop that a library swallows is still a stop."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, signal, sys, time
from dataclasses import dataclass
from pathlib import Path
from xadapt.workflow import stopping
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

@dataclass(frozen=True, kw_only=True)
class Swallows(Stage):
    number: int

    def run(self, out, context):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            raise ImportError("a library could not be imported") from None

stopping.listen()
store = Store(Path(sys.argv[1]))
try:
    for outcome in run(Plan.of([Swallows(number=n) for n in range(3)]), Context(store=store)):
        print(outcome.status)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_an_error_that_a_library_makes_of_a_stop_is_no_failure(tmp_path):
    line = [sys.executable, "-c", SCRIPT, str(tmp_path / "runs")]
    done = subprocess.run(line, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 130 and done.stdout == "", done.stderr
    assert not list((tmp_path / "runs").glob(".failed/*"))
