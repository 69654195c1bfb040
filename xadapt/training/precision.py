"""One rule: frozen matrices in the precision of the device, LayerNorm and everything trained in fp32.

`accelerate` says what the device is and supplies autocast. Trainable weights in bf16 lose most of their
updates at the learning rates of fine-tuning, so they never are.
"""

from functools import lru_cache

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from xadapt.errors import ConfigError, WrongEnvironment

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


# All accelerators share one state, so an earlier one that was kept would report the precision of the last.
@lru_cache(maxsize=1)
def accelerator(device: str, precision: str) -> Accelerator:
    """`device` auto|cpu|cuda|mps, `precision` auto|fp32|bf16; auto is bf16 on a GPU that has it.

    Raises WrongEnvironment for a device that is not there, ConfigError for a word that is neither.
    """
    if device not in ("auto", "cpu", "cuda", "mps"):
        raise ConfigError(f"--device {device!r} is not one of auto, cpu, cuda, mps")
    if precision not in ("auto", *DTYPES):
        raise ConfigError(f"--precision {precision!r} is not one of auto, fp32, bf16")
    if device == "cuda" and not torch.cuda.is_available():
        raise WrongEnvironment("--device cuda: no CUDA device is visible", "use --device cpu")
    on_gpu = device in ("auto", "cuda") and torch.cuda.is_available()
    if precision == "auto":
        # Emulated, as before Ampere, it is slower than fp32.
        has = on_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = "bf16" if has else "fp32"
    AcceleratorState._reset_state(True)
    return Accelerator(cpu=device == "cpu", mixed_precision="bf16" if precision == "bf16" else "no")


def frozen_dtype(placed: Accelerator) -> torch.dtype:
    return DTYPES["bf16" if placed.mixed_precision == "bf16" else "fp32"]


def check_trained(parameters: dict[str, torch.nn.Parameter]) -> None:
    """Raise WrongEnvironment when something that trains is not fp32."""
    for name, parameter in parameters.items():
        if parameter.dtype != torch.float32:
            raise WrongEnvironment(f"{name} trains in {parameter.dtype}; everything trained is float32")
