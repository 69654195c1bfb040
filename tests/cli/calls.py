"""The command line in a process of its own, as a user starts it."""

import os
import subprocess
import sys


def xadapt(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", "from xadapt.cli.main import main; main()", *words]
    return subprocess.run(line, capture_output=True, text=True, env=os.environ | env, check=False)
