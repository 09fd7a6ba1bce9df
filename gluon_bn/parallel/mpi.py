"""The group of an MPI job: :class:`MpiGroup`, by mpi4py (the extra ``mpi``)."""
import time

import numpy as np

from ..support.extras import import_extra
from .group import Group

SPIN = 0.001  # seconds of asking again at once; after that the processor is left to others between two questions
PAUSE = 50e-6

RANKS = ('PMI_RANK', 'OMPI_COMM_WORLD_RANK', 'PMIX_RANK', 'SLURM_PROCID')  # of MPICH, Open MPI, its relatives, Slurm


def rank_of(environment):
    """The rank of a process with these variables, as whoever has started it says; None if that is not known.

    MPI itself knows it only when all processes have joined.

    >>> rank_of({'PMI_RANK': '3'})
    3
    """
    said = [environment[name] for name in RANKS if environment.get(name, '').isdecimal()]
    return int(said[0]) if said else None


def load_mpi():
    """The module ``mpi4py.MPI``, which joins this process to its MPI job; ``ImportError`` naming the extra."""
    return import_extra('mpi4py.MPI', 'mpi')


class MpiGroup(Group):
    """The workers of a communicator of MPI; None is all of the job.

    No call of MPI waits: each collective is asked, again and again, whether it is done. So threads of this process
    work on meanwhile, and a worker that waits for others can be ended by whoever watches over it.
    """

    def __init__(self, comm=None):
        comm = load_mpi().COMM_WORLD if comm is None else comm
        self._comm = comm.Dup()  # nobody else's messages
        self.rank, self.size = comm.rank, comm.size

    def _allgather(self, mine):
        found = np.empty((self.size, mine.size), np.uint8)
        _finish(self._comm.Iallgather(mine, found))
        return found

    def _alltoall(self, parts):
        found = np.empty_like(parts)
        _finish(self._comm.Ialltoall(parts, found))
        return found

    def leave(self, seconds):
        """Wait for all others to call this, too, at most so long; returns whether they have."""
        return _finish(self._comm.Ibarrier(), seconds)


def _finish(request, seconds=float('inf')):
    """Wait until the ``request`` is done, at most so long; returns whether it is."""
    began = time.perf_counter()
    while not request.Test():
        if time.perf_counter() - began > seconds:
            return False
        if time.perf_counter() - began > SPIN:
            time.sleep(PAUSE)
    return True
