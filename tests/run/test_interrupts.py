"""Ctrl-C between two batches: noted when it comes, and nobody else's afterwards."""
import os
import signal
import threading

import pytest

from gluon_bn.run.interrupts import Interrupted, NotedInterrupt


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()


def test_ctrl_c_is_noted_and_acted_on_when_asked():
    before = signal.getsignal(signal.SIGINT)
    with NotedInterrupt() as interrupt:
        interrupt.stop_if_noted()
        batches = interrupt.checked_before_each(iter('ab'))
        assert next(batches) == 'a'
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.noted
        with pytest.raises(Interrupted):
            next(batches)
        with pytest.raises(Interrupted):
            interrupt.stop_if_noted()
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c()


def test_the_handler_is_put_back_after_an_exception_too():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), NotedInterrupt():
        _ = 1 / 0
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_nothing_is_changed():
    seen = []

    def work():
        with NotedInterrupt() as interrupt:
            seen.append((interrupt.noted, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, signal.getsignal(signal.SIGINT))]
