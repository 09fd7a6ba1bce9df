"""What the kernel of this machine (Linux, in ``/proc``) says about a process; elsewhere nothing is known of any."""
import os


def is_stopped(pid):
    """Whether the process is stopped; it goes on with SIGCONT."""
    return _status(pid)[:1] == ['T']


def parent_of(pid):
    """The number of the process that it is a child of; None if that is not known."""
    status = _status(pid)  # once: it may end at any moment
    return int(status[1]) if status else None


def environment_of(pid):
    """The environment with which it was started; ``{}`` if that is not known."""
    try:
        with open(f'/proc/{pid}/environ', 'rb') as file:
            return dict(os.fsdecode(pair).partition('=')[::2] for pair in file.read().split(b'\0'))
    except OSError:
        return {}


def siblings_of(pid):
    """The numbers of all processes that have the parent of ``pid``, its own among them."""
    parent = parent_of(pid)
    return [other for other in _all() if parent_of(other) == parent] if parent else []


def all_stopped():
    """The numbers of all processes that are stopped."""
    return list(filter(is_stopped, _all()))


def _all():
    try:
        return list(map(int, filter(str.isdecimal, os.listdir('/proc'))))
    except OSError:
        return []


def _status(pid):
    """Its state, its parent, and what else a line of ``/proc/PID/stat`` has after the name, which may hold anything."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as file:
            return file.read().rpartition(')')[2].split()
    except OSError:
        return []
