"""A figure of the graph behind a :class:`gluon_bn.autodiff.Node`, drawn with matplotlib."""
from matplotlib.figure import Figure


def draw_graph(result, title):
    """A figure of the graph behind a :class:`gluon_bn.autodiff.Node`: each node a column right of its last parent.

    Named nodes are orange, constants grey boxes, operations blue, each with its shape.
    """
    nodes = result.graph()
    position = _places(nodes)
    figure = Figure(figsize=(14, 5), layout='constrained')
    axes = figure.subplots()
    for node in nodes:
        for parent in node.parents:
            bow = 0.4 if position[node][0] - position[parent][0] > 3 else 0   # around the nodes in between
            axes.annotate('', position[node], position[parent], zorder=1,
                          arrowprops={'arrowstyle': '->', 'color': 'gray', 'shrinkA': 16, 'shrinkB': 16,
                                      'connectionstyle': f'arc3,rad={bow}'})
        label = node.name or node.operation or f"{node.value:.3g}"
        colour = 'tab:orange' if node.name else 'lightgray' if not node.parents else 'lightblue'
        axes.text(*position[node], f"{label}\n{node.shape}", ha='center', va='center', fontsize=9,
                  bbox={'boxstyle': 'round' if node.parents else 'square', 'facecolor': colour})
    columns, heights = zip(*position.values())
    axes.set(title=title, xlim=(min(columns) - 0.6, max(columns) + 0.6), ylim=(min(heights) - 0.6, max(heights) + 0.6))
    axes.axis('off')
    return figure


def _places(nodes):
    """A position for each node: its column is one after its last parent's, a leaf's one before its first use."""
    column, rows, position = {}, {}, {}
    for node in nodes:                                  # parents come first
        column[node] = 1 + max((column[parent] for parent in node.parents), default=-1)
    for node in nodes:
        uses = [column[child] for child in nodes if any(node is parent for parent in child.parents)]
        if not node.parents and uses:
            column[node] = min(uses) - 1
    for node in nodes:
        rows.setdefault(column[node], []).append(node)
    for i, members in rows.items():
        for j, node in enumerate(members):
            position[node] = (i, (len(members) - 1) / 2 - j + 0.35 * (i % 2))
    return position
