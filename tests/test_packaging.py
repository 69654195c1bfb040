"""Every source file is in the wheel: a forgotten package is invisible in an editable install."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOME = {"xadapt": "xadapt", "cli": "xadapt/cli", "configs": "xadapt/configs"}


@pytest.mark.slow
def test_the_wheel_holds_every_source_file(tmp_path):
    line = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    inside = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    wanted = {
        f"{HOME[top]}/{path.relative_to(ROOT / top).as_posix()}"
        for top in HOME
        for path in (ROOT / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sorted(wanted - inside) == []
    assert not [name for name in inside if name.split("/")[0] in ("cli", "configs", "tests", "benchmarks")]
