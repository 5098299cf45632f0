"""The parts of the GPU sampler: its tiles, its Triton kernels and the buffers that they run on.

Only `kernels` imports Triton, which comes with torch for CUDA and is absent beside torch for CPU: import it where it is
used, never at the top of a module that a CPU loads.
"""
