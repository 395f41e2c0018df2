import threading
import time

import pytest

from rag.ui.interruption import until_stopped


def test_everything_comes_in_order_when_nobody_stops():
    assert list(until_stopped(lambda: iter(range(500)), threading.Event())) == list(range(500))


def test_what_goes_wrong_is_raised_where_the_pieces_are_taken():
    def pieces():
        yield 1
        raise ZeroDivisionError

    taken = until_stopped(pieces, threading.Event())
    assert next(taken) == 1
    with pytest.raises(ZeroDivisionError):
        next(taken)


def test_a_silent_maker_is_left_at_once_and_closed_when_it_comes_back():
    silent, closed, stopping = threading.Event(), threading.Event(), threading.Event()

    def pieces():
        try:
            yield 1
            silent.wait(20)
            yield 2
            yield 3
        finally:
            closed.set()

    taken = until_stopped(pieces, stopping)
    assert next(taken) == 1
    threading.Timer(0.2, stopping.set).start()
    begun = time.monotonic()
    assert list(taken) == []
    assert time.monotonic() - begun < 5 and not closed.is_set()
    silent.set()
    assert closed.wait(5)


def test_leaving_closes_a_maker_that_is_far_ahead():
    closed = threading.Event()

    def pieces():
        try:
            yield from range(10_000)
        finally:
            closed.set()

    taken = until_stopped(pieces, threading.Event())
    next(taken)
    taken.close()
    assert closed.wait(5)
