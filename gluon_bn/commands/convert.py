"""Carry a network that MXNet saved elsewhere: an ONNX file, a PyTorch program, NumPy arrays, or MXNet's files folded.

SYMBOL is the file MODEL-symbol.json, PARAMS the file MODEL-0000.params, of any version of MXNet. Before anything is
written, the network runs as MXNet reads it and as it will be written, on the same random inputs, and the largest
difference is printed. Where MXNet is not installed, PyTorch or ONNX Runtime runs it in MXNet's place.

  onnx    MODEL.onnx, for ONNX Runtime and others
  torch   MODEL.pt2, for torch.export.load, which needs PyTorch alone and has the state dictionary as well
  npz     MODEL.npz, the parameters for numpy.load, names as in PARAMS with arg: and aux:
  folded  MODEL-folded-symbol.json and MODEL-folded-0000.params, with batch norm merged into the layers beside it

Exit status: 0 done; 2 bad arguments or data, or a network that cannot be converted, with nothing written (one line on
standard error); 130 Ctrl-C.
"""
import argparse

from ..support.command_line import Parser, loading, main_of


def parser(prog=None):
    """The command line."""
    p = Parser(prog=prog, description=__doc__)
    p.add_argument('symbol', metavar='SYMBOL', help="MODEL-symbol.json")
    p.add_argument('params', metavar='PARAMS', help="MODEL-0000.params")
    p.add_argument('--to', required=True, choices=('onnx', 'torch', 'npz', 'folded'), help="what to write")
    p.add_argument('--output', type=_file, metavar='PATH',
                   help="where to (default: beside SYMBOL, named as above); for folded, the path before -symbol.json")
    p.add_argument('--shape', type=_shape, action='append', default=[], metavar='[NAME=]N,C,H,W',
                   help="of the input, the batch first, such as 1,3,224,224; once for each input if there are several")
    return p


def _file(text):
    if not text:
        raise argparse.ArgumentTypeError("expected a file, got ''")
    return text


def _shape(text):
    """``data=1,3,224,224`` as ``('data', (1, 3, 224, 224))``; the name may be missing."""
    name, _, numbers = text.rpartition('=')
    try:
        shape = tuple(int(number) for number in numbers.split(','))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise argparse.ArgumentTypeError(f"expected whole numbers above 0 such as 1,3,224,224, got {text!r}")
    return name or None, shape


def work(options):
    """Convert, compare, say, write; returns 0."""
    with loading('convert'):
        from ..exchange.conversion import convert
    convert(options.symbol, options.params, options.to, options.shape, options.output)
    return 0


main = main_of(parser, work)
