"""Where tests of the GPU sampler run: on the CUDA device, and where there is none, on the CPU in Triton's interpreter.

Triton decides for its interpreter when a kernel is defined, so import this before the sampler is used. Without Triton
the tests fail: `pip install -e ".[test]"` brings it.
"""

import os

import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")

if DEVICE.type == "cpu":
    os.environ["TRITON_INTERPRET"] = "1"
