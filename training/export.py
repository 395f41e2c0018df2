"""Writes the trained reader as one small file that serves: calibration folded into its head, matrices as integers."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from rag.embedding.adapter import Adapter, write_adapter
from rag.embedding.bundled import weights_hash, weights_path
from rag.evidence import RETRIEVER, Reader
from rag.evidence.reader import file_hash
from rag.evidence.reader_file import ReaderFile, ReaderHeader, write_reader_file
from rag.settings import Settings
from training.calibrate import CALIBRATION_FILE, Calibration, fit_calibration
from training.data import load_items, load_texts
from training.fit import WEIGHTS_FILE
from training.negatives import Nearness
from training.runs import read_run
from training.scoring import score_items
from training.splits import split

FROZEN = "embeddings.word_embeddings.weight"
"""Left to the base: it is frozen in training."""


def export(folder: Path, path: Path, calibration: Calibration | None = None) -> None:
    """Write the reader trained in a folder as a reader's file.

    Args:
        folder: What ``fit`` and ``calibrate`` wrote.
        path: The file to write.
        calibration: What is folded in; None: what ``calibrate`` wrote in the folder.

    Raises:
        NotCalibrated: there is nothing to fold in, or it was fitted to other weights.
    """
    about = read_run(folder)
    weights = file_hash(folder / WEIGHTS_FILE)
    calibration = calibration or Calibration.load(folder / CALIBRATION_FILE, weights)
    header = ReaderHeader(
        base=weights_hash(weights_path()),
        data=about["data"],
        retriever=about["retriever"],
        thresholds=calibration.thresholds,
        recipe=about["recipe"],
    )
    write_reader_file(ReaderFile(header, calibrated(served_tensors(folder), calibration)), path)


def served_tensors(folder: Path) -> dict[str, Tensor]:
    """Return the trained tensors under the names that the encoder uses, without what is left to the base.

    The standardisation before the label's head is folded into it.
    """
    trained = load_file(folder / WEIGHTS_FILE)
    named = {name.removeprefix("bert."): tensor.float() for name, tensor in trained.items()}
    mean, deviation = named.pop("mean"), named.pop("deviation")
    weight = named["label.weight"] / deviation
    folded = {"label.weight": weight, "label.bias": named["label.bias"] - weight @ mean}
    return {name: tensor for name, tensor in named.items() if name != FROZEN} | folded


def calibrated(tensors: dict[str, Tensor], calibration: Calibration) -> dict[str, Tensor]:
    """Return the tensors with scale and shifts folded into the head."""
    return tensors | {
        "label.weight": tensors["label.weight"] * calibration.scale,
        "label.bias": tensors["label.bias"] * calibration.scale + torch.tensor(calibration.shift),
    }


def calibrate(folder: Path, build: Path) -> Calibration:
    """Fit the calibration of the reader trained in a folder, on the file that would serve, and keep it there.

    Args:
        folder: What ``fit`` wrote; takes the calibration.
        build: Keeps what can be computed again.
    """
    uncalibrated = folder / "uncalibrated.safetensors"
    export(folder, uncalibrated, Calibration.none())
    texts, items = load_texts(), load_items()
    _, calibrating, _ = split(items)
    reader = Reader(Settings(_env_file=None, reader=str(uncalibrated)))
    nearness = Nearness(texts, calibrating, build / "nearness.npz", RETRIEVER)
    calibration = fit_calibration(score_items(reader, calibrating, texts, nearness))
    calibration.save(folder / CALIBRATION_FILE, file_hash(folder / WEIGHTS_FILE))
    return calibration


def export_retriever(folder: Path, path: Path) -> None:
    """Write the adapter trained in a folder as a file that serves.

    Args:
        folder: What ``retrieve`` wrote.
        path: The file to write.
    """
    about = read_run(folder)
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    scale = config["lora_alpha"] / config["r"]
    trained = load_file(folder / "adapter_model.safetensors")
    factors = {
        _matrix(name): (tensor, trained[name.replace("lora_A", "lora_B")] * scale)
        for name, tensor in trained.items()
        if "lora_A" in name
    }
    write_adapter(Adapter(factors, weights_hash(weights_path()), about["data"], about["recipe"]), path)


def _matrix(name: str) -> str:
    """Return the encoder's name of the matrix that peft's name is of."""
    return name[name.index("encoder.layer") :].replace(".lora_A", "")
