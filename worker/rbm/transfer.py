"""From the host's memory to the device without waiting for what the device has yet to do."""

from __future__ import annotations

import torch
from torch import Tensor


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """A CPU tensor on the device, in the order of the device's work.

    From ordinary memory a copy would wait until the device has nothing else to do; from pinned memory it does not.
    """
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
