"""Chooses where the model runs and in which precision it multiplies."""

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


def choose_precision(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the hardware multiplies it natively (twice to four times as fast), else float32."""
    import torch

    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
        native = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return torch.bfloat16 if native else torch.float32
