"""Frozen matrices in 8 or 4 bit, by bitsandbytes: LLM.int8 (Dettmers et al. 2022), NF4 (the same, 2023).

Gradients flow through to the input, as modules on a frozen matrix need. Biases stay as they are.
"""

from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from xadapt.errors import WrongEnvironment, is_out_of_memory
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.layer import Linear


class Quantized(Linear):
    """A frozen matrix [out, in] with its bias [out], in the place of one in full."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, bits: int) -> None:
        import bitsandbytes

        nn.Module.__init__(self)
        self.bits, self.dtype = bits, weight.dtype
        self.bias = nn.Parameter(bias, requires_grad=False)
        functional: Any = bitsandbytes.functional
        self._scales: Any
        if bits == 4:
            data, self._scales = functional.quantize_4bit(weight, quant_type="nf4")
        else:
            data, self._scales, _ = functional.int8_vectorwise_quant(weight.half())
        self.data = nn.Parameter(data, requires_grad=False)

    @property
    def weight(self) -> torch.Tensor:  # type: ignore[override]
        """The matrix that is computed with, [out, in]."""
        import bitsandbytes

        if self.bits == 4:
            whole: torch.Tensor = bitsandbytes.functional.dequantize_4bit(self.data, self._scales)
            return whole
        found: torch.Tensor = self.data.float() * self._scales[:, None] / 127
        return found.to(self.dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        import bitsandbytes

        given = x.to(self.dtype)
        with torch.autocast(x.device.type, enabled=False):
            if self.bits == 4:
                made = bitsandbytes.matmul_4bit(given, self.data.t(), self._scales, bias=self.bias)
            else:
                state = bitsandbytes.MatmulLtState()
                state.CB, state.SCB, state.has_fp16_weights = self.data.data, self._scales, False
                made = bitsandbytes.matmul(given, self.data.data, state=state, bias=self.bias)
        result: torch.Tensor = made.to(self.dtype)
        return result


def quantize(encoder: Encoder, bits: int, device: torch.device) -> None:
    """Put the matrices of every layer into so many bits, on the device, one after another.

    Raises WrongEnvironment where bitsandbytes is not installed or has nothing for the device.
    """
    check(bits, device)
    for layer in encoder.layers:
        for name, child in list(layer.named_children()):
            if type(child) is Linear:
                weight, bias = child.weight.detach().to(device), child.bias.detach().to(device)
                layer.add_module(name, Quantized(weight, bias, bits))


def check(bits: int, device: torch.device) -> None:
    """Raise WrongEnvironment where bitsandbytes is not installed or has nothing for the device."""
    if find_spec("bitsandbytes") is None:
        raise WrongEnvironment(
            f"frozen weights in {bits} bit: bitsandbytes is not installed",
            "pip install 'xadapt[bitsandbytes]'",
        )
    try:
        weight, bias = torch.zeros(64, 64, device=device), torch.zeros(64, device=device)
        Quantized(weight, bias, bits)(weight)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WrongEnvironment(
            f"frozen weights in {bits} bit: bitsandbytes does not compute them on {device.type} ({said})",
            "more --memory, or --device cuda",
        ) from error
