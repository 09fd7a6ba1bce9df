"""Number of threads: all physical cores, decided before MXNet loads (it reads ``OMP_NUM_THREADS`` only then)."""
import os


def physical_cores():
    """The number of physical cores this process may run on (two hyper-threads of one core count once)."""
    allowed = os.sched_getaffinity(0) if hasattr(os, 'sched_getaffinity') else range(os.cpu_count() or 1)  # not Linux
    cores = set()
    for cpu in allowed:
        try:
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", encoding="ascii") as file:
                cores.add(file.read().strip())
        except OSError:  # no such information here: count every processor
            cores.add(str(cpu))
    return max(1, len(cores))


def set_default_threads():
    """Set ``OMP_NUM_THREADS`` to the number of physical cores, unless the user has set it."""
    os.environ.setdefault("OMP_NUM_THREADS", str(physical_cores()))
