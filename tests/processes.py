"""What tests ask about other processes."""
import psutil


def alive(pid):
    """Whether there is such a process; one that has ended, and whose parent has not asked yet, is none."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
