"""Jobs of MPI for tests, which are skipped by name where there is no MPI."""
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from gluon_bn.parallel.launch import ENVIRONMENT, files_in, launch

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = '''
import os, signal, sys, time
import numpy as np
from gluon_bn.parallel import guard, worker as workers
from gluon_bn.parallel.group import GroupError
from gluon_bn.parallel.worker import WorkerEnded, as_worker

def work(worker):
    group, rank = worker.group, worker.rank
    worker.report(f'pids {group.share("pids", os.getpid())}')
'''


@pytest.fixture
def program(tmp_path):
    """A function: the path of a program whose workers run these lines, with ``worker``, ``group`` and ``rank``.

    The lines of ``before`` come first, when nobody has joined yet.
    """
    def write(lines, before=''):
        path = tmp_path / 'program.py'
        path.write_text(PROGRAM + textwrap.indent(textwrap.dedent(lines), '    ') + '\n\n' + textwrap.dedent(before)
                        + "\n\nsys.exit(as_worker('program', work))\n")
        return str(path)
    return write


@pytest.fixture
def launched(mpi, program, capfd):
    """A function: run such lines in so many workers; ``(status, what was reported, standard error)``."""
    def run(workers, lines, before='', **options):
        reported = []
        status = launch('program', [program(lines, before)], workers, reported.append, **options)
        return status, reported, capfd.readouterr().err
    return run


@pytest.fixture
def is_mpich(mpi):
    """Whether it is MPICH's, which ends all workers itself at once when one of them is lost."""
    said = subprocess.run([mpi, '--version'], capture_output=True, text=True, check=True, timeout=60).stdout
    return 'HYDRA' in said


@pytest.fixture
def under_mpiexec(mpi, program):
    """A function: run such lines with ``mpiexec`` itself; ``(status, standard output, standard error)``."""
    def run(workers, lines, before=''):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([mpi, '-n', str(workers), sys.executable, program(lines, before)], timeout=300,
                                  text=True, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                                  env={**os.environ, **ENVIRONMENT, **files_in(folder), 'PYTHONPATH': str(ROOT)})
        return done.returncode, done.stdout, done.stderr
    return run
