"""Number of threads: all physical cores, decided before MXNet loads (it reads ``OMP_NUM_THREADS`` only then)."""
import os
import warnings


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
    """Set ``OMP_NUM_THREADS`` to the number of physical cores, unless the user has set it.

    OpenMP takes a list as well, ``4,2``, a number for each level. MXNet ends the process at anything but one number: it
    gets the first of the list, and with a warning the number of cores for what is no number.
    """
    given = os.environ.get("OMP_NUM_THREADS", "").strip()
    first = given.split(",")[0].strip()
    if not first.lstrip("+-").isdecimal():
        if given:
            warnings.warn(f"OMP_NUM_THREADS is {given!r}; expected a whole number. All physical cores are used.",
                          RuntimeWarning, stacklevel=2)
        first = str(physical_cores())
    os.environ["OMP_NUM_THREADS"] = first
