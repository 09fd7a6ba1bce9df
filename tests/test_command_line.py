import pytest

from gluon_bn.support.command_line import chosen, demand_at_least_one, exit_status


def raising(error):
    def work():
        raise error
    return work


@pytest.mark.parametrize(('error', 'status', 'said'), [
    (ValueError("lr is -1;\n  expected a number above 0."), 2, "lr is -1; expected a number above 0."),
    (OSError("no space"), 2, "no space"), (RuntimeError("a worker ended"), 2, "a worker ended"),
    (ImportError("install tensorboardX"), 2, "install tensorboardX"),
    (FloatingPointError("the loss is nan"), 3, "the loss is nan"),
    (KeyboardInterrupt(), 130, "interrupted; the same command continues")])
def test_what_went_wrong_is_one_line_and_a_status(capsys, error, status, said):
    assert exit_status('sweep', raising(error)) == status
    assert capsys.readouterr() == ('', f'sweep: {said}\n')


def test_an_error_of_ours_is_not_hidden():
    with pytest.raises(AttributeError):
        exit_status('sweep', raising(AttributeError('a bug')))


def test_the_answer_of_the_work_is_the_status(capsys):
    assert exit_status('sweep', lambda: 1) == 1
    assert capsys.readouterr() == ('', '')


def test_numbers_below_one_are_refused():
    demand_at_least_one(seeds=1, processes=None)
    for options in ({'seeds': 0, 'processes': None}, {'seeds': 1, 'processes': 0}, {'seeds': 1, 'processes': -1}):
        with pytest.raises(ValueError, match='^--seeds and --processes are at least 1.$'):
            demand_at_least_one(**options)


def test_names_that_there_are_not_are_refused():
    assert chosen(['b'], ('a', 'b'), 'setting') == ['b']
    assert chosen([], ('a', 'b'), 'setting') == ['a', 'b']
    with pytest.raises(ValueError, match='^there is no setting c, d; expected one of: a, b.$'):
        chosen(['d', 'b', 'c'], ('a', 'b'), 'setting')
