"""A worker beside its work, without MPI: what the user reads of its end, and where its output goes."""
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gluon_bn.parallel import worker as workers
from gluon_bn.parallel.group import GroupError
from gluon_bn.parallel.worker import Worker, WorkerEnded, sentence_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(('error', 'status', 'sentence', 'everywhere', 'traced'), [
    (WorkerEnded(130, 'interrupted\nhere', everywhere=True), 130, 'interrupted here', True, False),
    (WorkerEnded(3, 'the loss is nan'), 3, 'the loss is nan', False, False),
    (GroupError('rank 1 has ended'), 1, 'rank 1 has ended', True, False),
    (ValueError('bad  data'), 2, 'bad data', False, False), (ImportError('no such library'), 2, 'no such library',
                                                            False, False),
    (FloatingPointError('the loss is nan'), 3, 'the loss is nan', False, False),
    (ValueError(), 1, 'ValueError: ', False, True), (ZeroDivisionError(), 1, 'ZeroDivisionError: ', False, True),
    (KeyError('name'), 1, "KeyError: 'name'", False, True)], ids=lambda value: type(value).__name__)
def test_an_exception_is_a_status_and_a_sentence_and_what_nobody_expects_is_traced(error, status, sentence, everywhere,
                                                                                 traced, capfd):
    try:
        raise error
    except Exception as raised:
        found = workers._end_by(raised, logs=False)
    assert found == (status, sentence, everywhere)
    assert ('Traceback' in capfd.readouterr().err) is traced


def test_where_there_is_a_log_it_has_the_place_of_an_expected_error_as_well(capfd):
    try:
        raise OSError('no such data')
    except OSError as error:
        found = workers._end_by(error, logs=True)
    assert found == (2, 'no such data', False)
    assert 'Traceback' in capfd.readouterr().err


def test_a_worker_that_is_lost_or_has_failed_is_a_sentence():
    assert sentence_of({'lost': 'is stopped'}) == ' is stopped.'
    assert sentence_of({'end': 2, 'reason': 'bad data'}) == ': bad data'


def test_an_mpiexec_of_another_mpi_is_named():
    alone = Worker('program', SimpleNamespace(rank=0, size=1))
    with pytest.raises(RuntimeError, match='mpiexec has started 2 workers, MPI knows of 1: /other/mpiexec belongs to'):
        alone._join_launcher({'workers': 2, 'mpiexec': '/other/mpiexec'}, None)
    alone._join_launcher({'workers': 1, 'mpiexec': '/own/mpiexec'}, None)


def test_a_log_goes_on_where_it_ended_and_what_is_reported_is_not_in_it(tmp_path):
    code = ("import sys; from types import SimpleNamespace; from gluon_bn.parallel.worker import Worker\n"
            "worker = Worker('program', SimpleNamespace(rank=0, size=1)); worker.log_to(sys.argv[1])\n"
            "print(sys.argv[2], flush=True); print('error', file=sys.stderr, flush=True)\n"
            "worker.report('reported'); worker._complain('sorry')")
    for word in ('one', 'two'):
        done = subprocess.run([sys.executable, '-c', code, str(tmp_path / 'new'), word], capture_output=True, text=True,
                              env={**os.environ, 'PYTHONPATH': str(ROOT)}, timeout=300, check=True)
        assert (done.stdout, done.stderr) == ('reported\n', 'program: sorry\n')
    lines = (tmp_path / 'new' / 'rank-0.log').read_text().splitlines()
    assert [line for line in lines if not line.startswith('== ')] == ['one', 'error', 'two', 'error']
    assert len(lines) == 6
