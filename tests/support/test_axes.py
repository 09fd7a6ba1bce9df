import pytest
from matplotlib.figure import Figure

from gluon_bn.support.axes import label_log_axis


@pytest.mark.parametrize(('values', 'labels'), [([0.1, 1], ['0.1', '0.2', '0.5', '1']),
                                                ([1e-4, 1e4], ['0.0001', '0.001', '0.01', '0.1', '1', '10', '100'])])
def test_a_logarithmic_axis_has_plain_numbers(values, labels):
    axes = Figure().subplots()
    axes.plot([1, 2], values)
    axes.set_yscale('log')
    label_log_axis(axes.yaxis)
    shown = [axes.yaxis.get_major_formatter()(at) for at in axes.yaxis.get_majorticklocs()]
    assert [label for label in shown if label in labels] == labels
    assert not any('times' in label or '10^' in label for label in shown)
    assert len(axes.yaxis.get_minorticklocs()) == 0
