"""The encoder's matrix products, in the precision chosen: each takes and adds in float32."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

_LEVELS = 127
_SIGN_BIT = 0x80
_SMALLEST = 1e-12


class Linear(Protocol):
    """A matrix product with a bias: (tokens, inputs) → (tokens, outputs)."""

    def __call__(self, states: Tensor) -> Tensor:
        """Return the product."""


class FloatLinear:
    """Multiplies in float32 or bfloat16 and returns what it multiplied in."""

    def __init__(self, weight: Tensor, bias: Tensor, device: torch.device, precision: torch.dtype) -> None:
        self._weight, self._bias = weight.to(device, precision), bias.to(device, precision)

    def __call__(self, states: Tensor) -> Tensor:
        """Return the product."""
        return functional.linear(states.to(self._weight.dtype), self._weight, self._bias)


class Int8Linear:
    """Multiplies in 8-bit integers by oneDNN and returns float32.

    A weight's scale is that of its output channel, a state's that of its token (Yao et al. 2022, *ZeroQuant*,
    https://arxiv.org/abs/2206.01861), so that a text's vector does not depend on the texts beside it, as it would with
    the one scale for all tokens of ``torch.ao``'s dynamic quantisation. The weights are packed once.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        scales = weight.abs().amax(1).clamp_min(_SMALLEST) / _LEVELS
        self._weight = torch.ops.onednn.qlinear_prepack((weight / scales[:, None]).round().to(torch.int8), None)
        self._scales, self._bias = scales, bias
        self._zeros = torch.zeros(len(scales), dtype=torch.long)

    def __call__(self, states: Tensor) -> Tensor:
        """Return the product."""
        scales = states.abs().amax(1, keepdim=True).clamp_min(_SMALLEST).to(torch.float32) / _LEVELS
        levels = (states / scales).round_().to(torch.int8)
        # The instructions take one side without a sign: flipping the sign bit adds 128, which is told as the zero.
        unsigned = levels.view(torch.uint8).bitwise_xor_(_SIGN_BIT)
        product = torch.ops.onednn.qlinear_pointwise(
            unsigned,
            1.0,
            _SIGN_BIT,
            self._weight,
            self._scales,
            self._zeros,
            None,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        scaled: Tensor = torch.addcmul(self._bias, product, scales)
        return scaled
