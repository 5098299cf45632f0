"""A judge as bytes: a safetensors file with both classifiers, and its card as metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from worker.rbm.judge.classifiers import NUM_DIGITS, DigitJudge, ImageClassifier
from worker.rbm.tensor_bytes import pack, unpack

_CARD = "card"
_CLASSIFIERS = {"detector": 1, "recogniser": NUM_DIGITS}


def write_judge(judge: DigitJudge, card: Mapping[str, Any]) -> bytes:
    """A judge's file: float32 tensors `detector.*` and `recogniser.*`.

    Args:
        judge: the classifiers.
        card: what it learned from and how it was tested; anything that JSON can hold.
    """
    tensors = {
        f"{name}.{key}": tensor.float()
        for name in _CLASSIFIERS
        for key, tensor in getattr(judge, name).state_dict().items()
    }
    return pack(tensors, {_CARD: json.dumps(card, sort_keys=True, allow_nan=False)})


def read_judge(data: bytes) -> tuple[DigitJudge, dict[str, Any]]:
    """The judge and the card of a judge's file.

    Raises:
        ValueError: if the bytes are cut off, or a tensor is missing, has a wrong type or shape or is not finite.
    """
    tensors, metadata = unpack(data)
    classifiers = {name: _classifier(name, outputs, tensors) for name, outputs in _CLASSIFIERS.items()}
    return DigitJudge(**classifiers), json.loads(metadata.get(_CARD, "{}"))


def _classifier(name: str, num_outputs: int, tensors: Mapping[str, Tensor]) -> ImageClassifier:
    classifier = ImageClassifier(num_outputs)
    own = {key.removeprefix(f"{name}."): tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}
    for key, tensor in own.items():
        if tensor.dtype != torch.float32 or not bool(tensor.isfinite().all()):
            raise ValueError(f"{name}.{key} must hold finite float32 numbers")
    try:
        classifier.load_state_dict(own)
    except RuntimeError as error:
        raise ValueError(f"these are no {name}'s tensors: {error}") from error
    return classifier.eval()
