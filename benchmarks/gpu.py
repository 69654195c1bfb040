"""All benchmarks that a GPU changes, in parts of under ten minutes each; figures go into results/.

    python benchmarks/gpu.py [--part 1] [--only train_step] [--lines] [--archive FILE] [--device cuda]

What matters most comes first, so that a session that is cut keeps it. A line keeps its figures when it ends,
and where it has several parts after each of them; one that fails says so and the next goes on. None begins
that is thought to end after the time of its part. With `--archive` all results are packed into a tar file
after each line. Ends with 1 when a line failed or was left out.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    """`seconds` that it is thought to take: an assumption until it has run."""

    part: int
    name: str
    options: str
    seconds: int


LINES = (
    Line(1, "train_step", "--part one --method bottleneck --rounds 3 --steps 12", 150),
    Line(1, "train_step", "--part nine --rounds 3 --steps 8 --without defaults max workers", 240),
    Line(1, "memory", "--shape large --methods seq_bn lora", 90),
    Line(2, "train_step", "--part one --method bottleneck --rows 256 --rounds 2 --steps 6", 150),
    Line(2, "hours", "--steps 60", 270),
    Line(2, "curves", "--steps 150", 110),
    Line(3, "matrix", "--steps 50 --test 100", 240),
    Line(3, "fusion", "--rows 32 --steps 10", 120),
    Line(3, "predict", "--rows 512 --rounds 1 --modules 4", 150),
    Line(4, "train_step", "--part short --rounds 3 --steps 20", 120),
    Line(4, "train_step", "--part one --method lora --method full --rounds 2 --steps 8", 200),
    Line(4, "memory", "--shape base large", 150),
    Line(4, "early_exit", "--sentences 4096", 60),
    Line(5, "train_step", "--part one --method bottleneck --compile --only compiled --rounds 1", 500),
    Line(6, "train_step", "--part nine --compile --only compiled --rounds 1 --steps 4", 540),
)
EACH = 570
"""Seconds of a part."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", type=int, action="append", choices=sorted({line.part for line in LINES}))
    parser.add_argument("--only", action="append", help="names of benchmarks")
    parser.add_argument("--lines", action="store_true", help="list them")
    parser.add_argument("--seconds", type=int, default=EACH, help="of a part")
    parser.add_argument("--archive", type=Path, help="a .tar of all results")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--quick", action="store_true", help="a smoke run of each on a tiny encoder")
    asked = parser.parse_args()
    found = lines(asked.part or [], asked.only or [], asked.quick)
    if asked.lines:
        for line in found:
            print(f"{line.part}: {line.name} {line.options} ({line.seconds} s)")
        return
    # A machine that is taken back says so by this signal: what was started must end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    done = [parted([line for line in found if line.part == part], asked) for part in parts(found)]
    sys.exit(not all(done))


def lines(chosen: list[int], only: list[str], quick: bool) -> list[Line]:
    """Those asked for; a smoke run needs each benchmark once."""
    chosen = chosen or parts(LINES)
    found = [line for line in LINES if line.part in chosen and (not only or line.name in only)]
    return list({line.name: line for line in reversed(found)}.values())[::-1] if quick else found


def parts(found: Iterable[Line]) -> list[int]:
    return sorted({line.part for line in found})


def parted(found: list[Line], asked: argparse.Namespace) -> bool:
    """Run the lines of a part; whether all of them ended well."""
    started, well = time.monotonic(), True
    for line in found:
        left = asked.seconds - (time.monotonic() - started)
        if left < line.seconds and not asked.quick:
            print(f"{line.name} {line.options}: left out, {left:.0f} s are left", flush=True)
            well = False
            continue
        words = ["--quick"] if asked.quick else [*line.options.split(), "--write"]
        well &= ran([line.name, "--device", asked.device, *words], max(1.0, left))
        if asked.archive:
            results = Path(__file__).with_name("results")
            shutil.make_archive(str(asked.archive.with_suffix("")), "tar", results)
    return well


def ran(words: list[str], seconds: float) -> bool:
    """Whether a benchmark came to its end in time; what it started ends with it."""
    print(" ".join(words), flush=True)
    started, here = time.monotonic(), Path(__file__)
    # The folder of xadapt, where it is not installed.
    found = os.pathsep.join([str(here.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, str(here.with_name(f"{words[0]}.py")), *words[1:]],
        env=os.environ | {"PYTHONPATH": found},
        start_new_session=True,
    )
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        code = 124
    finally:
        # Also where this script is interrupted: a session of its own would go on without it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    print(f"{words[0]}: exit {code} after {time.monotonic() - started:.0f} s", flush=True)
    return code == 0


if __name__ == "__main__":
    main()
