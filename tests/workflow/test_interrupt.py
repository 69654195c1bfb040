"""Ctrl-C and SIGTERM with workers: over within seconds, no process stays, finished stages are kept."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xadapt.workflow.store import Store

SCRIPT = """
import signal, sys
from pathlib import Path
from tests.workflow.fakes import Word
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

def stop(*_):
    raise KeyboardInterrupt

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    # Whoever runs the tests in the background of a shell may ignore it, and so would what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    goals = [Word(text="slow", needs=(Word(text=f"w{n}"),)) for n in range(40)]
    try:
        for outcome in run(Plan.of(goals), Context(store=Store(Path(sys.argv[1]))), workers=2):
            print(outcome.status, flush=True)
    except KeyboardInterrupt:
        sys.exit(130)
"""


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("number", "everyone"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_stop_ends_the_workers(tmp_path, number, everyone):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    store = tmp_path / "runs"
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, str(script), str(store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": root},
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "done\n"
    time.sleep(0.5)
    # A terminal sends Ctrl-C to every process of the group; a scheduler ends the first one only.
    (os.killpg if everyone else os.kill)(process.pid, number)
    _out, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in errors
    deadline = time.monotonic() + 5
    while alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(process.pid), "a worker outlived the run"
    assert [error for _, error in Store(store).verify() if error] == []
