"""The options that the benchmarks of the engine share."""

import argparse

import torch
from measuring import quiet
from workload import SHAPES


def parser(doc: str, rounds: int = 3) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    made.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    made.add_argument("--shape", choices=list(SHAPES), help="of the encoder")
    made.add_argument(
        "--rounds", type=int, default=rounds, help="contenders run in turn so often; medians count"
    )
    made.add_argument("--write", action="store_true", help="keep the figures in results/")
    made.add_argument("--quick", action="store_true", help="a smoke run on a tiny encoder")
    return made


def asked(
    made: argparse.ArgumentParser, cpu: str, gpu: str = "large"
) -> tuple[argparse.Namespace, torch.device]:
    """What was asked for, the shape filled in by device, and the device."""
    found = made.parse_args()
    on_gpu = found.device == "cuda"
    quiet(on_gpu)
    found.shape = "tiny" if found.quick else found.shape or (gpu if on_gpu else cpu)
    found.rounds = 1 if found.quick else found.rounds
    found.precision = "bf16" if on_gpu else "fp32"
    return found, torch.device(found.device)
