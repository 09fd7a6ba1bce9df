"""What tests ask about other processes, and what those may find at standard input."""
import os
from contextlib import contextmanager

import psutil


def alive(pid):
    """Whether there is such a process; one that has ended, and whose parent has not asked yet, is none."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def typed(words):
    """In the block, these bytes wait at standard input, and nothing comes after them."""
    reading, writing = os.pipe()
    os.write(writing, words)
    os.close(writing)
    own = os.dup(0)
    os.dup2(reading, 0)
    try:
        yield
    finally:
        os.dup2(own, 0)
        os.close(own)
        os.close(reading)
