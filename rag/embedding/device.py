"""Chooses where the model runs and the numbers that it multiplies in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.errors import EmbeddingError

if TYPE_CHECKING:
    import torch


def choose_device(setting: str) -> torch.device:
    """Return the device that the setting names; ``auto`` takes a GPU when there is one.

    Raises:
        EmbeddingError: the device named is not there.
    """
    import torch

    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if setting == "auto":
        return torch.device(next(name for name, there in present.items() if there))
    if not present.get(setting):
        raise EmbeddingError(
            f"The device {setting!r} is not available on this machine. Set RAG_EMBEDDING_DEVICE to 'auto' or 'cpu'."
        )
    return torch.device(setting)


def choose_precision(setting: str, device: torch.device) -> torch.dtype:
    """Return the type of number to multiply in.

    ``auto`` takes bfloat16 where the hardware multiplies it natively (twice to four times as fast), else float32. Both
    give vectors that may stand in one store; those of int8 may not, so it is only taken when it is named.

    Raises:
        EmbeddingError: int8 is named, and this machine has no instructions for it.
    """
    import torch

    if setting == "int8" and not _multiplies_int8(device):
        raise EmbeddingError(
            "RAG_EMBEDDING_PRECISION='int8' needs a processor with VNNI or AMX instructions, and the model on the CPU. "
            "Set it to 'auto'."
        )
    if setting != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}[setting]
    return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32


def choose_attention(precision: torch.dtype, device: torch.device) -> torch.dtype:
    """Return the type of number for attention, for which there is no int8."""
    import torch

    if precision is not torch.int8:
        return precision
    return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return _has(device, "avx512_bf16", "amx_bf16")


def _multiplies_int8(device: torch.device) -> bool:
    import torch

    return _has(device, "avx512_vnni", "avx_vnni", "amx_int8") and hasattr(torch.ops.onednn, "qlinear_pointwise")


def _has(device: torch.device, *instructions: str) -> bool:
    """Tell whether the device is a CPU with one of the sets of instructions."""
    import torch

    capabilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return any(capabilities.get(name) for name in instructions)
