"""A saved network written in another form: its files are made aside, run beside the original, and then put in place."""
from __future__ import annotations

import io
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Callable, NamedTuple

import numpy as np

from ..support.extras import import_extra
from ..support.files import atomic_write
from ..support.reading import read_npz
from . import running, saved
from .attributes import parsed
from .fold import folded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .graph import Graph

TOLERANCE, HALF_TOLERANCE = 1e-4, 2e-2  # of the largest output; the second where parameters are float16
_BATCH = 2  # of a shape that nobody has given


class Form(NamedTuple):
    """A form in which a network can be written.

    ``endings`` are those of its files; ``make(graph, shapes, paths)`` writes them, and returns sentences or None;
    ``run(graph, shapes, paths, engine)`` runs what is in them; ``engine`` is the one that does, None if any can.
    """

    endings: tuple
    make: Callable
    run: Callable
    engine: str | None = None


class Engine(NamedTuple):
    """What can run a graph: its name, the module it needs, and ``run(graph, shapes)``."""

    title: str
    module: str
    run: Callable


def convert(symbol: str, params: str, to: str, shapes: Sequence = (), output: str | None = None,
            say: Callable[[str], object] = print) -> list[str]:
    """Write the saved network ``symbol``, ``params`` in the form ``to``, one of ``FORMS``; returns the paths written.

    Parameters
    ----------
    symbol, params : paths of ``-symbol.json`` and ``.params``
    shapes : list of ``(name of an input or None, shape)``
    output : path, or what stands before the endings of two files; None is beside ``symbol``
    say : is called with each line of what there is to know

    Raises ``ValueError`` for files that are damaged, for what cannot be converted, and for an output that differs by
    more than ``TOLERANCE`` of its largest value; ``ImportError`` for a missing extra. Nothing is written then.
    """
    from .remarks import remarks
    graph = saved.read(symbol, params)
    form, shape_of = FORMS[to], shapes_of(graph, shapes)
    paths = _paths(symbol, output, form.endings)
    for path in paths:
        if os.path.isdir(path) or path.endswith(os.sep):
            raise ValueError(f"{path} is a folder; expected a file: choose another --output.")
        if any(os.path.exists(path) and os.path.samefile(path, given) for given in (symbol, params)):
            raise ValueError(f"{path} would be written over; choose another --output.")
    if running.installed('mxnet'):
        running.check_parameters(graph, shape_of)
    say(f"{symbol}: {described(graph)}")
    for sentence in (*graph.notes, *remarks(graph)):
        say(f"note: {sentence}")
    with tempfile.TemporaryDirectory() as folder:
        made = [os.path.join(folder, f'made{ending}') for ending in form.endings]
        for sentence in form.make(graph, shape_of, made) or ():
            say(f"note: {sentence}")
        _compare(graph, symbol, shape_of, form, made, say)
        with ExitStack() as written:  # no file takes its name before all are on the disk
            for source, path in zip(made, paths):
                with open(source, 'rb') as new:
                    shutil.copyfileobj(new, written.enter_context(atomic_write(path)))
        for path in paths:
            say(f"wrote {path} ({os.path.getsize(path):,} bytes)")
    return paths


def described(graph: Graph) -> str:
    """How many layers of which kinds a graph has, and how many numbers.

    >>> described(saved.read(mx.sym.relu(mx.sym.var('data')).tojson()))
    '1 layer (1 relu), 0 numbers in 0 arrays'
    """
    kinds = [node.op for node in graph.layers()]
    counts = ', '.join(f'{kinds.count(kind)} {kind}' for kind in dict.fromkeys(kinds))
    return (f"{len(kinds)} layer{'' if len(kinds) == 1 else 's'} ({counts}), "
            f"{sum(value.size for value in graph.params.values()):,} numbers in {len(graph.params)} arrays")


def shapes_of(graph: Graph, given: Sequence) -> dict[str, tuple]:
    """The shape of each input: one that was given, else one that the file has, else what a dense layer takes."""
    found = {}
    for name, shape in given:
        if name is None and len(graph.inputs) != 1:
            raise ValueError(f"the network has the inputs {', '.join(graph.inputs)}; give --shape NAME=... for each.")
        name = graph.inputs[0] if name is None else name
        if name not in graph.inputs:
            raise ValueError(f"there is no input {name}; the network has {', '.join(graph.inputs)}.")
        found[name] = shape
    consumers = graph.consumers()
    for node in graph.nodes:
        if node.is_variable and node.name in graph.inputs and node.name not in found:
            shape = parsed(node.attrs.get('__shape__', '()'))
            layer, slot = consumers.get((id(node), 0), [(node, 0)])[0]
            if isinstance(shape, tuple) and shape and all(isinstance(size, int) and size > 0 for size in shape):
                found[node.name] = shape
            elif layer.op == 'FullyConnected' and slot == 0 and (weight := graph.value(layer.inputs[1])) is not None:
                found[node.name] = (_BATCH, weight.shape[1])
            else:
                name = '' if len(graph.inputs) == 1 else f'{node.name}='
                raise ValueError(f"the file does not say what shape the input {node.name} has; give it, the batch "
                                 f"first, such as --shape {name}1,3,224,224.")
    return {name: found[name] for name in graph.inputs}


def _paths(symbol, output, endings):
    """Where the files go."""
    if output is not None and len(endings) == 1:
        return [output]
    stem = output or (symbol[:-len('-symbol.json')] if symbol.endswith('-symbol.json') else os.path.splitext(symbol)[0])
    return [stem + ending if output is None else stem + ending.replace('-folded', '') for ending in endings]


def _compare(graph, symbol, shapes, form, made, say):
    """Run the network as it was saved and as it was made, and say how far apart they are."""
    inputs = running.random_inputs(graph, shapes)
    engine = next((one for one in _ENGINES if one.title != form.engine and running.installed(one.module)), None)
    if engine is None or engine.title != 'MXNet':
        instead = f"{engine.title} runs the original in its place" if engine else (
            "nothing else that is installed runs it either, so the outputs are not compared")
        say(f"note: MXNet is not installed: {instead}.")
    result, title = form.run(graph, shapes, made, engine), form.engine or (engine and engine.title)
    if engine is None:
        if result is not None:
            running.largest_difference(*[result(inputs)] * 2)  # that it runs, and gives finite numbers
        return
    original = (running.mxnet_of_symbol(graph, Path(symbol).read_text(encoding='utf-8')) if engine.title == 'MXNet'
                else engine.run(graph, shapes))
    difference, largest = running.largest_difference(original(inputs), result(inputs))
    say(f"largest difference between the original in {engine.title} and what is written in {title}: {difference:.2g}, "
        f"outputs up to {largest:.3g}, random inputs of "
        f"{' and '.join('x'.join(map(str, shape)) for shape in shapes.values())}")
    if difference > (HALF_TOLERANCE if running.is_half(graph) else TOLERANCE) * max(largest, running.SMALL):
        raise ValueError(f"the outputs differ by {difference:.2g}, and the largest is {largest:.3g}: this is more than "
                         "rounding; nothing was written.")


# ---- forms -----------------------------------------------------------------------------------------------------------

def _make_onnx(graph, shapes, paths):
    from .onnx import from_graph
    Path(paths[0]).write_bytes(from_graph(graph, shapes).SerializeToString())


def _run_onnx(graph, shapes, paths, engine):
    return running.run_model(import_extra('onnx', 'onnx').load(paths[0]))


def _make_torch(graph, shapes, paths):
    from .torch import from_graph
    module, torch = from_graph(graph), import_extra('torch', 'torch')
    # In an example with one image PyTorch would take it as a network for one image.
    dtype = next((value.dtype for value in module.parameters() if value.is_floating_point()), torch.float32)
    example = tuple(torch.zeros(max(2, batch), *rest, dtype=dtype) for batch, *rest in shapes.values())
    batch = getattr(torch.export.Dim, 'AUTO', None) or torch.export.Dim('batch')  # the first where PyTorch has it
    program = torch.export.export(module, example, dynamic_shapes=(({0: batch},) * len(example),))
    torch.export.save(program, paths[0])


def _run_torch(graph, shapes, paths, engine):
    return running.run_module(import_extra('torch', 'torch').export.load(paths[0]).module(), graph)


def _make_npz(graph, shapes, paths):
    content = io.BytesIO()
    np.savez(content, **saved.marked(graph))
    Path(paths[0]).write_bytes(content.getbuffer())


def _run_npz(graph, shapes, paths, engine):
    again = graph.copy()
    again.params = {name[4:]: value for name, value in read_npz(paths[0], ValueError).items()}
    return engine and engine.run(again, shapes)


def _make_folded(graph, shapes, paths):
    less = folded(graph)
    saved.write(less, *paths)
    return less.notes[len(graph.notes):]


def _run_folded(graph, shapes, paths, engine):
    return engine and engine.run(saved.read(*paths), shapes)


_ENGINES = (Engine('MXNet', 'mxnet', lambda graph, shapes: running.by_mxnet(graph)),
            Engine('PyTorch', 'torch', lambda graph, shapes: running.by_torch(graph)))
FORMS = {'onnx': Form(('.onnx',), _make_onnx, _run_onnx, 'ONNX'),
         'torch': Form(('.pt2',), _make_torch, _run_torch, 'PyTorch'),
         'npz': Form(('.npz',), _make_npz, _run_npz),
         'folded': Form(('-folded-symbol.json', '-folded-0000.params'), _make_folded, _run_folded)}
