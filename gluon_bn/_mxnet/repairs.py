"""Repairs inside MXNet's modules, each made right after its module has run.

Under NumPy 2: what they write in words and in bytes, and what they add up. Under NumPy 1 nothing of this is needed, and
nothing is changed. Everywhere: how arrays are sent to processes that are not forked.
"""
import multiprocessing.context
import multiprocessing.reduction
import numbers
import struct

import numpy

# Those that turn arguments of operators, iterators and optimizers into text for MXNet's library.
_WRITE_ARGUMENTS = ('mxnet._ctypes.ndarray', 'mxnet._ctypes.symbol', 'mxnet.symbol.symbol', 'mxnet.kvstore.base',
                    'mxnet.io.io', 'mxnet.profiler')
_SUMS = ('sum_metric', 'num_inst', 'global_sum_metric', 'global_num_inst')


def repair(module, numpy_version=numpy.__version__):
    """Repair ``module``, one of MXNet's, if it needs a repair under this version of NumPy."""
    if module.__name__ == 'mxnet.gluon.data.dataloader':
        _send_arrays_whole_to_new_processes(module)
    if int(numpy_version.partition('.')[0]) < 2:
        return
    if module.__name__ in _WRITE_ARGUMENTS:
        module.str = text
    elif module.__name__ == 'mxnet.recordio':
        _write_bytes(module)
    elif module.__name__ == 'mxnet.metric':
        _add_up_in_float64(module)


class _Text(type):
    """Makes ``text`` stand for ``str`` in a call and in ``isinstance``."""

    def __call__(cls, value):
        written = str(value)  # nearly always what is wanted: this runs for each argument of each operator
        return _sequence_as_text(value) if 'np.' in written and type(value) in (tuple, list) else written

    def __instancecheck__(cls, value):
        return isinstance(value, str)


class text(metaclass=_Text):  # noqa: N801 (it stands for str)
    """``str``, in which NumPy's scalars inside tuples and lists are written without their type, as in NumPy 1.

    MXNet's library reads ``(4, 4)`` as a shape, and refuses ``(4, np.int64(4))``.

    >>> text((4, numpy.int64(4), [numpy.float32(0.1), numpy.bool_(True)])), text((2,)), text(())
    ('(4, 4, [0.1, True])', '(2,)', '()')
    """


def _sequence_as_text(values):
    items = ', '.join([_item_as_text(value) for value in values])
    if type(values) is list:
        return f'[{items}]'
    return f'({items},)' if len(values) == 1 else f'({items})'


def _item_as_text(value):
    if type(value) in (tuple, list):
        return _sequence_as_text(value)
    if isinstance(value, (numpy.number, numpy.bool_)):
        return str(value)
    return repr(value.item() if isinstance(value, numpy.generic) else value)


def _send_arrays_whole_to_new_processes(dataloader):
    """What a spawned process starts with, MXNet's shared memory cannot carry: it is gone before the process is there.

    (A fork server's children are such, too: Python's default since 3.14.) So a data set goes there as plain bytes.
    """
    def unless_starting(in_shared_memory):
        def reduce(array):
            starting = multiprocessing.context.get_spawning_popen() is not None
            return array.__reduce__() if starting else in_shared_memory(array)
        return reduce

    for kind, in_shared_memory in ((dataloader.nd.NDArray, dataloader.reduce_ndarray),
                                   (dataloader._mx_np.ndarray, dataloader.reduce_np_ndarray)):
        multiprocessing.reduction.ForkingPickler.register(kind, unless_starting(in_shared_memory))


def _write_bytes(recordio):
    """``pack`` with an array as its label, and ``pack_img``, call ``tostring``, which arrays no longer have."""
    pack_number = recordio.pack

    def pack(header, s):
        header = recordio.IRHeader(*header)
        if isinstance(header.label, numbers.Number):
            return pack_number(header, s)
        label = numpy.asarray(header.label, dtype=numpy.float32)
        header = header._replace(flag=label.size, label=0)
        return struct.pack(recordio._IR_FORMAT, *header) + label.tobytes() + s

    def pack_img(header, img, quality=95, img_fmt='.jpg'):
        cv2 = recordio.cv2
        assert cv2 is not None
        parameter = {'.JPG': cv2.IMWRITE_JPEG_QUALITY, '.JPEG': cv2.IMWRITE_JPEG_QUALITY,
                     '.PNG': cv2.IMWRITE_PNG_COMPRESSION}.get(img_fmt.upper())
        encoded, content = cv2.imencode(img_fmt, img, None if parameter is None else [parameter, quality])
        assert encoded, 'failed to encode image'
        return recordio.pack(header, content.tobytes())

    pack.__doc__, pack_img.__doc__ = recordio.pack.__doc__, recordio.pack_img.__doc__
    recordio.pack, recordio.pack_img = pack, pack_img


def _add_up_in_float64(metric):
    """Metrics add a float32 number to a Python number, which gave a float64 in NumPy 1 and gives a float32 now."""
    for name in _SUMS:
        setattr(metric.EvalMetric, name, _kept_in_float64(name))
    add_all = metric.Perplexity.update

    def update(self, labels, preds):
        # One output after the other: within a call it adds up in a variable of its own.
        assert len(labels) == len(preds)
        for label, pred in zip(labels, preds):
            add_all(self, [label], [pred])

    update.__doc__ = add_all.__doc__
    metric.Perplexity.update = update


def _kept_in_float64(name):
    """A property whose floating-point values become float64; it keeps them where a plain attribute would."""
    def get(self):
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def put(self, value):
        inexact = isinstance(value, (float, numpy.floating))
        self.__dict__[name] = numpy.float64(value) if inexact else value

    return property(get, put)
