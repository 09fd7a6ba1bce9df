"""Ctrl-C, noted when it comes and acted on between two batches, so that no update is saved half done."""
import signal


class Interrupted(Exception):  # noqa: N818 - it is not an error
    """Ctrl-C: training stopped between two batches, and the checkpoint holds all of it."""


class NotedInterrupt:
    """A block in which Ctrl-C is only noted: ``noted`` says whether it came. Outside the main thread it does nothing.

    >>> from gluon_bn.run.interrupts import NotedInterrupt
    >>> with NotedInterrupt() as interrupt:
    ...     interrupt.stop_if_noted()
    >>> interrupt.noted
    False
    """

    def __init__(self):
        self.noted = False

    def __enter__(self):
        try:
            self._before = signal.signal(signal.SIGINT, self._note)
        except ValueError:  # not the main thread, which alone gets signals
            self._before = None
        return self

    def __exit__(self, *error):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, signum, frame):
        self.noted = True

    def stop_if_noted(self):
        """Raise ``Interrupted`` after Ctrl-C."""
        if self.noted:
            raise Interrupted

    def checked_before_each(self, batches):
        """The same batches; ``Interrupted`` before the first one after Ctrl-C."""
        for batch in batches:
            self.stop_if_noted()
            yield batch
