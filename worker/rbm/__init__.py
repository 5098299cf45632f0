"""The science of diluted Restricted Boltzmann Machines.

Pure: tensors, numbers and `torch.Generator`s go in, tensors and frozen dataclasses come out. Nothing here knows of a
database, a network, a task queue or a file's place.

Axes are always named and ordered `replica chain visible hidden sample`: a replica is one of several machines that are
handled as one batch.
"""
