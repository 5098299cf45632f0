"""Writes beside the computation: in their order, and nothing that fails is lost."""

import threading
import time

import pytest

from worker.experiments.background import Background


def fail() -> None:
    raise ValueError("no room")


def test_writes_happen_in_their_order_while_the_caller_goes_on() -> None:
    """Kills: a write that the caller waits for; writes that overtake each other."""
    background, gate, written = Background(), threading.Event(), []
    background.do(lambda: (gate.wait(10), written.append("first"))[1])
    background.do(lambda: written.append("second"))
    assert background.busy
    assert written == []
    gate.set()
    background.wait()
    assert written == ["first", "second"]
    assert not background.busy
    background.close()


def test_what_a_write_raises_reaches_the_caller_once() -> None:
    """Kills: an error that nobody hears of; one that is raised again and again."""
    background = Background()
    background.do(fail)
    with pytest.raises(ValueError, match="no room"):
        background.wait()
    background.wait()
    background.check()
    background.do(fail)
    while background.busy:
        pass
    with pytest.raises(ValueError, match="no room"):
        background.do(lambda: None)
    background.close()


def test_waiting_waits_for_what_comes_after_a_failure() -> None:
    """Kills: a job that goes on to its end while a write is still under way."""
    background, gate, written = Background(), threading.Event(), []
    background.do(lambda: (gate.wait(10), fail())[1])
    background.do(lambda: (time.sleep(0.2), written.append("late"))[1])
    threading.Timer(0.05, gate.set).start()
    with pytest.raises(ValueError, match="no room"):
        background.wait()
    assert written == ["late"]
    background.close()
