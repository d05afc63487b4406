"""Waiting for something to be so, and what moments have in common."""

import threading
import time

_clock = threading.Event()  # never set: its wait is the pause between two looks


def eventually(what, check, seconds=60, every=0.05):
    """The first true answer of `check`; AssertionError when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what} (last answer: {answer!r})")
        _clock.wait(every)


def until(moment):
    """Waits for a moment of time.time() that the test itself is about."""
    eventually(f"the clock shows {moment}", lambda: time.time() >= moment, moment - time.time() + 5)


def max_in_window(moments, seconds):
    """The most moments in any window [t, t + seconds)."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
