"""One byte that the parent process and its child share: whether the worker is stopping.

Celery's warm shutdown waits for the running task and does not tell it. The byte is mapped before the fork, the parent
sets it, and the child sees it at its next heartbeat or block of Gibbs steps.
"""

import mmap

_shared = mmap.mmap(-1, 1)


def request_stop() -> None:
    """Called in the parent when it was asked to stop."""
    _shared[0] = 1


def stop_requested() -> bool:
    """Called in the child."""
    return _shared[0] == 1
