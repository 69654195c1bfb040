"""Exact nearest neighbours among 20,000 x 20,000 vectors and more: against numpy, and `faiss` if it is there.

    python benchmarks/retrieval.py [--size 20000] [--rounds 3] [--write] [--quick]

The four nearest in both directions among two sets of random unit vectors, as wide as those of XLM-R Large,
that are kept in fp16 and multiplied in fp32, on the host. Each contender runs in a process of its own, of one
thread; `bytes` is what it needs beyond what making them took. All must find the same. `xadapt, mined` goes on
to the pairs by ratio margin. The whole matrix is left out above 10,000 vectors, where sorting it takes some
7 GB. What it takes to make the vectors is in `early_exit.py`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import keep, timed
from prepare import peak_bytes

from xadapt.task_types.neighbours import both_ways, mine

NEAREST = 4
WIDTH = 1024
WHOLE = 10_000
"""Vectors up to which the whole matrix is held."""
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Set before numpy loads, which reads them once."""
BLOCK = 2048
Found = tuple[np.ndarray, np.ndarray]
"""Indices [n, 4] of the nearest in either direction, best first."""


def vectors(size: int) -> Found:
    random = np.random.default_rng(1)
    made = [random.standard_normal((size, WIDTH), dtype=np.float32) for _ in range(2)]
    return tuple((x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float16) for x in made)  # type: ignore[return-value]


def by_xadapt(x: np.ndarray, y: np.ndarray) -> Found:
    found = both_ways(torch.from_numpy(x), torch.from_numpy(y), NEAREST)
    return found[0].indices, found[1].indices


def by_whole_matrix(x: np.ndarray, y: np.ndarray) -> Found:
    products = x @ y.T
    return _best(products), _best(products.T)


def by_blocks(x: np.ndarray, y: np.ndarray) -> Found:
    """As LASER and XTREME search: one direction after the other, a block of rows at a time."""
    rows, columns = (
        [_best(a[at : at + BLOCK] @ b.T) for at in range(0, len(a), BLOCK)] for a, b in ((x, y), (y, x))
    )
    return np.concatenate(rows), np.concatenate(columns)


def _best(products: np.ndarray) -> np.ndarray:
    some = np.argpartition(products, -NEAREST, axis=1)[:, -NEAREST:]
    order = np.argsort(-np.take_along_axis(products, some, 1), axis=1)
    return np.take_along_axis(some, order, 1)


def by_faiss(x: np.ndarray, y: np.ndarray) -> Found:
    import faiss

    faiss.omp_set_num_threads(1)
    found = []
    for a, b in ((x, y), (y, x)):
        index = faiss.IndexFlatIP(WIDTH)
        index.add(b)
        found.append(index.search(a, NEAREST)[1])
    return found[0], found[1]


def mined(x: np.ndarray, y: np.ndarray) -> Found:
    pairs = mine(torch.from_numpy(x), torch.from_numpy(y), NEAREST)
    return np.array([pair.source for pair in pairs]), np.array([pair.target for pair in pairs])


BY: dict[str, Callable[[np.ndarray, np.ndarray], Found]] = {
    "xadapt": by_xadapt,
    "numpy, whole matrix": by_whole_matrix,
    "numpy, blocks": by_blocks,
    "faiss": by_faiss,
    "xadapt, mined": mined,
}


def alone(name: str, size: int, out: Path) -> None:
    """Write seconds, bytes at the peak of this process, and what was found."""
    torch.set_num_threads(1)
    x, y = (each.astype(np.float32) for each in vectors(size))
    before = peak_bytes()
    made: list[Found] = []
    seconds = timed(lambda: made.append(BY[name](x, y)), torch.device("cpu"))()
    np.savez(out, seconds=seconds, bytes=peak_bytes() - before, forward=made[0][0], backward=made[0][1])


def in_a_process(name: str, size: int) -> tuple[float, int, Found]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.npz"
        words = [sys.executable, __file__, "--size", str(size), "--alone", name, str(out)]
        subprocess.run(words, check=True, env=os.environ | THREADS)
        with np.load(out) as made:
            return float(made["seconds"]), int(made["bytes"]), (made["forward"], made["backward"])


def contenders(size: int) -> list[str]:
    left_out = set() if find_spec("faiss") else {"faiss"}
    if size > WHOLE:
        left_out.add("numpy, whole matrix")
    return [name for name in BY if name not in left_out]


def measure(size: int, rounds: int) -> dict[str, Any]:
    times: dict[str, list[float]] = {}
    memory: dict[str, int] = {}
    found: dict[str, Found] = {}
    for _ in range(rounds):
        for name in contenders(size):
            seconds, memory[name], found[name] = in_a_process(name, size)
            times.setdefault(name, []).append(seconds)
    same = {name: _same(each, found["xadapt"]) for name, each in found.items() if name != "xadapt, mined"}
    # Two products that differ in their last digit alone may change places.
    if min(same.values()) < 0.9999:
        raise SystemExit(f"neighbours differ: {same}")
    middle = {name: statistics.median(each) for name, each in times.items()}
    return {
        name: {
            "cpu_seconds": round(seconds, 2),
            "bytes": memory[name],
            "xadapt_is_faster_by": round(seconds / middle["xadapt"], 2),
            **({"same": same[name]} if name in same else {"pairs": len(found[name][0])}),
        }
        for name, seconds in middle.items()
    }


def _same(one: Found, other: Found) -> float:
    return float(np.mean([(a == b).mean() for a, b in zip(one, other, strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=20_000, help="vectors on either side")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--quick", action="store_true", help="a smoke run on 1,000 vectors")
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.alone:
        alone(asked.alone[0], asked.size, Path(asked.alone[1]))
        return
    size, rounds = (1000, 1) if asked.quick else (asked.size, asked.rounds)
    found = measure(size, rounds)
    print(json.dumps({f"{size} x {size}": found}, indent=2))
    if asked.write:
        keep("retrieval", f"{size} x {size}", found | {"rounds": rounds}, torch.device("cpu"))


if __name__ == "__main__":
    main()
