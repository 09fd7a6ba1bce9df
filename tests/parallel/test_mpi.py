"""What is known of a process of an MPI job without MPI: its rank, and how long it waits."""
import pytest

from gluon_bn.parallel import mpi


@pytest.mark.parametrize(('environment', 'rank'), [
    ({'PMI_RANK': '3'}, 3), ({'OMPI_COMM_WORLD_RANK': '0'}, 0), ({'PMIX_RANK': '12'}, 12), ({'SLURM_PROCID': '1'}, 1),
    ({'PMI_RANK': '2', 'SLURM_PROCID': '0'}, 2),  # mpiexec in a job of Slurm: Slurm knows of mpiexec alone
    ({'OMPI_COMM_WORLD_RANK': '4', 'PMIX_RANK': '9', 'SLURM_PROCID': '0'}, 4),
    ({'PMI_RANK': '', 'SLURM_PROCID': '5'}, 5), ({'PMI_RANK': '-1'}, None), ({'PMI_RANK': 'x'}, None), ({}, None)],
    ids=str)
def test_the_rank_is_what_whoever_has_started_the_process_says(environment, rank):
    assert mpi.rank_of(environment) == rank


class Request:
    """What is done when it has been asked so often."""

    def __init__(self, times):
        self.times = times

    def Test(self):
        self.times -= 1
        return self.times < 0


def test_what_is_done_in_time_is_done_and_what_is_not_is_given_up():
    assert mpi._finish(Request(0), 0) is True
    assert mpi._finish(Request(100)) is True
    never = Request(float('inf'))
    assert mpi._finish(never, 0.01) is False
