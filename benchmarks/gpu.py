"""All benchmarks that a GPU changes, in turn on one GPU, in under 25 minutes; figures go into results/.

    python benchmarks/gpu.py [--only train_step] [--device cuda]

What matters most comes first, so that a session that is cut keeps it. Each has at most ten minutes of its
own, and none begins that is thought to end after all the time; one that fails says so and the next goes on.
Ends with 1 when one failed.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

LINES = (
    ("train_step", "--part one --method bottleneck --rounds 3 --steps 12", 240),
    ("train_step", "--part nine --rounds 3 --steps 8", 300),
    ("memory", "--shape large --rows 8 32 --methods seq_bn lora full", 120),
    ("curves", "--steps 150", 150),
    ("matrix", "--steps 50 --test 100", 240),
    ("train_step", "--part one --method bottleneck --rows 256 --rounds 3 --steps 6", 200),
    ("predict", "", 120),
    ("fusion", "--rows 32", 120),
    ("early_exit", "--sentences 4096", 60),
    ("train_step", "--part one --method lora --method full --rounds 3 --steps 8", 240),
    ("train_step", "--part short --rounds 3 --steps 20", 120),
    ("train_step", "--part one --method bottleneck --compile --rounds 1 --steps 12", 400),
)
"""Name, options, and the seconds that it is thought to take: an assumption until it has run."""
ALL = 1500
EACH = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", help="names of benchmarks")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--quick", action="store_true", help="a smoke run of each on a tiny encoder")
    asked = parser.parse_args()
    started, failed = time.monotonic(), False
    for name, options, seconds in lines(asked.only or [], asked.quick):
        left = ALL - (time.monotonic() - started)
        if left < seconds:
            print(f"{name} {options}: left out, {left:.0f} s are left", flush=True)
            continue
        words = ["--quick"] if asked.quick else [*options.split(), "--write"]
        failed |= not ran([name, "--device", asked.device, *words], min(EACH, left))
    sys.exit(failed)


def lines(only: list[str], quick: bool) -> list[tuple[str, str, int]]:
    """Those asked for; a smoke run needs each benchmark once."""
    found = [line for line in LINES if not only or line[0] in only]
    return list({line[0]: line for line in found}.values()) if quick else found


def ran(words: list[str], seconds: float) -> bool:
    """Whether a benchmark came to its end in time."""
    print(" ".join(words), flush=True)
    started = time.monotonic()
    try:
        path = Path(__file__).with_name(f"{words[0]}.py")
        code = subprocess.run(
            [sys.executable, str(path), *words[1:]], timeout=seconds, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        code = 124
    print(f"{words[0]}: exit {code} after {time.monotonic() - started:.0f} s", flush=True)
    return code == 0


if __name__ == "__main__":
    main()
