"""The device that a worker computes on."""

import os
import platform
from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """What the list of workers shows. `kind` is what torch calls it: `cuda` or `cpu`."""

    kind: str
    name: str
    num_threads: int


def find_device() -> Device:
    """The first CUDA device, else the processor. Imports torch: only in the child process."""
    import torch

    num_threads = int(os.environ.get("NUMBA_NUM_THREADS", "0")) or _num_processors()
    torch.set_num_threads(num_threads)
    if torch.cuda.is_available():
        return Device("cuda", torch.cuda.get_device_name(0), num_threads)
    return Device("cpu", _processor_name(), num_threads)


def _num_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
