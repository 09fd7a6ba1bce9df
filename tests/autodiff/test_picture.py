import numpy as np

from gluon_bn.autodiff import Node
from gluon_bn.autodiff.picture import draw_graph


def test_a_graph_goes_from_left_to_right():
    x, y = Node(np.ones(3), 'x'), Node(2., 'y')
    axes, = draw_graph((x * y + 1).sum(), 'a title').axes
    places = {text.get_text().split('\n')[0]: text.get_position()[0] for text in axes.texts if text.get_text()}
    assert places['x'] < places['*'] < places['+'] < places['sum']
    assert places['1'] == places['+'] - 1
    assert len([text for text in axes.texts if text.get_text()]) == 6
