"""Groups of workers: :class:`Group`, what a worker knows of the others, and those without MPI.

``rank`` is a worker's number, from 0; ``size`` is how many there are. Every method but the constructor is *collective*:
each worker calls it, in the same order, with the same ``name`` (and arrays of one shape and type). Before anything is
combined, the workers compare what they are about to do: the number of the call, the step, the name, the shape and the
type. Where they differ it is a :class:`GroupError` on every one of them, and never a wrong sum.

The answers are the same bits on every worker, and the same whenever the same is computed again: whatever is added up is
added in one order, that of the ranks in float64, or by halves.

>>> import numpy as np
>>> from gluon_bn.parallel.group import in_threads
>>> def work(group):
...     return group.sum('ranks', np.array([group.rank, 1.])).tolist()
>>> in_threads(3, work)
[[3.0, 3.0], [3.0, 3.0], [3.0, 3.0]]
"""
import json
import sys
import threading
import zlib

import numpy as np

from ..support.arguments import integer

HEADER = 192  # bytes
BY_PARTS = 1 << 14  # bytes; what is larger is added up by parts, each by one worker
EIGHT = 8  # rows of a batch that the native operators add up by themselves; UNIT in fast/src/halves.h

SUMMABLE = 'iuf'  # kinds of NumPy types


class GroupError(RuntimeError):
    """The workers are not together any more; one sentence names the rank and says why."""


class Group:
    """What a worker knows of the others. A subclass has ``rank``, ``size``, ``_allgather`` and ``_alltoall``.

    ``step`` may be set to the number of the training step: messages name it, and it must be the same on every worker.
    """

    rank = 0
    size = 1
    step = 0
    in_one_process = False  # whether other workers are threads of this process
    bytes_sent = 0  # to other workers, by this one: headers, and what was asked for
    _calls = 0

    def gather(self, name, array):
        """The arrays of all workers in the order of their ranks, ``(size, *array.shape)``."""
        array = self._announced('gather', name, array)
        return self._all(array)

    def sum(self, name, array, by_halves=False):
        """The sum over all workers, in the type of ``array``: added in float64 (whole numbers as such), in rank order.

        ``by_halves``: added in its own type, the sum of the first half of the ranks and that of the others, each made
        the same way. Gradients of rows that :func:`part_of` has dealt out are added like that within a rank too, so
        that it is the same bits with 1, 2 or 4 ranks.

        A large array travels twice, cut into ``size`` parts: each worker adds up one of them, for all.
        """
        added = _by_halves if by_halves else _in_order
        array = self._announced('sum', name, array)
        if array.dtype.kind not in SUMMABLE:
            raise TypeError(f"{name} is of the type {array.dtype}; expected numbers that can be added.")
        if array.nbytes <= BY_PARTS or self.size == 1:
            return added(self._all(array))
        part = -(-array.size // self.size)
        parts = np.zeros((self.size, part), array.dtype)
        parts.reshape(-1)[:array.size] = array.reshape(-1)
        self.bytes_sent += part * array.itemsize * (self.size - 1)
        mine = added(self._alltoall(_bytes(parts).reshape(self.size, -1)).view(array.dtype))       # (part,)
        return self._all(mine).reshape(-1)[:array.size].reshape(array.shape)

    def broadcast(self, name, array):
        """Rank 0's ``array``; the others give one of the same shape and type."""
        return self.gather(name, array)[0]

    def share(self, name, value):
        """The ``value`` of each worker, in the order of the ranks: a list. They are what JSON can hold."""
        text = np.frombuffer(json.dumps(value).encode(), np.uint8)
        lengths = self.gather(name, np.array([text.size]))[:, 0]
        padded = np.zeros(lengths.max(), np.uint8)
        padded[:text.size] = text
        return [json.loads(row[:length].tobytes()) for row, length in zip(self.gather(name, padded), lengths)]

    def agree(self, name, value):
        """``GroupError`` unless every worker has the same ``value``, what JSON can hold."""
        values = self.share(name, value)
        for rank, other in enumerate(values):
            if other != values[0]:
                raise GroupError(f"rank {rank} has another {name} than rank 0: {_difference(other, values[0])}.")

    def barrier(self, name='barrier'):
        """Wait for all."""
        self._announced('barrier', name, np.zeros(0))

    def _announced(self, what, name, array):
        """The array as it travels, after the workers have compared what they are about to do with it."""
        array = np.asarray(array, order='C')
        if array.dtype.hasobject:
            raise TypeError(f"{name} is an array of objects; expected numbers.")
        self._calls += 1
        text = f"call {self._calls}, step {self.step}: {what} of {name!r}, {array.dtype.name} {array.shape}".encode()
        if len(text) > HEADER:
            text = text[:HEADER - 9] + b' %08x' % zlib.crc32(text)  # what is left out is compared as well
        header = np.zeros(HEADER, np.uint8)
        header[:len(text)] = np.frombuffer(text, np.uint8)
        headers = self._all(header)
        wrong = np.flatnonzero((headers != headers[0]).any(axis=1))
        if wrong.size:
            said = [_text(headers[rank]) for rank in (wrong[0], 0)]
            raise GroupError(f"rank {wrong[0]} is not where rank 0 is ({said[0]}; rank 0: {said[1]}).")
        return array

    def _all(self, array):
        self.bytes_sent += array.nbytes * (self.size - 1)
        return self._allgather(_bytes(array)).view(array.dtype).reshape(self.size, *array.shape)

    def _allgather(self, mine):
        """``(size, n)`` from the bytes ``(n,)`` of each worker."""
        raise NotImplementedError

    def _alltoall(self, parts):
        """``(size, n)`` from ``(size, n)``: what each worker had in the row of this one."""
        raise NotImplementedError


class OneProcess(Group):
    """A group of one.

    >>> OneProcess().sum('x', np.array([1., 2.])).tolist()
    [1.0, 2.0]
    """

    def _allgather(self, mine):
        return mine[None].copy()

    def _alltoall(self, parts):
        return parts.copy()


class InThreads(Group):
    """A worker that is a thread of this process; :func:`in_threads` makes them."""

    in_one_process = True

    def __init__(self, rank, meeting):
        self.rank, self.size, self._meeting = rank, meeting.size, meeting

    def _allgather(self, mine):
        return np.stack(self._meeting.exchange(self.rank, mine))

    def _alltoall(self, parts):
        return np.stack([theirs[self.rank] for theirs in self._meeting.exchange(self.rank, parts)])


class _Meeting:
    """Where threads exchange arrays: each lays down one and, when all have come, takes up those of all."""

    def __init__(self, size):
        self.size, self._over = size, ''
        self._table, self._changed = {}, threading.Condition()

    def exchange(self, rank, array):
        """The arrays of all ranks, in their order; ``GroupError`` if one of them has ended."""
        with self._changed:
            table = self._table
            table[rank] = array.copy()
            if len(table) == self.size:
                self._table = {}  # of the next meeting; those who wait still have this one
                self._changed.notify_all()
            else:
                self._changed.wait_for(lambda: len(table) == self.size or self._over)
            if len(table) < self.size:
                raise GroupError(self._over)
            return [table[rank] for rank in range(self.size)]

    def leave(self, rank, why):
        """There is no other meeting: rank ``rank`` does not come any more."""
        with self._changed:
            self._over = self._over or f"rank {rank} has ended ({why})."
            self._changed.notify_all()


def in_threads(size, work, pool=None):
    """The list of ``work(group)`` of ``size`` workers, each a thread of this process: several ranks without MPI.

    The threads are those of ``pool``, an executor with so many of them, or new ones. Whoever calls this often should
    have a pool: MXNet keeps some megabytes for every thread that has used it, also when the thread has ended.

    The first exception of a worker ends all, and is raised here.
    """
    meeting = _Meeting(integer('size', size, at_least=1))
    results, errors = [None] * size, []

    def run(rank):
        why = "its work is done"
        try:
            if 'mxnet' in sys.modules:
                from .._mxnet import device_threads, mx
                device_threads.compute_beside_others(mx.cpu(rank))  # where this rank may compute
            results[rank] = work(InThreads(rank, meeting))
        except BaseException as error:
            errors.append(error)
            why = f"{type(error).__name__}: {error}"
        meeting.leave(rank, why)

    if pool is not None:
        for future in [pool.submit(run, rank) for rank in range(size)]:
            future.result()
    else:
        threads = [threading.Thread(target=run, args=(rank,), daemon=True) for rank in range(size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    return results


def part_of(n, rank, size):
    """The slice of ``n`` rows that worker ``rank`` of ``size`` has: contiguous, as even as can be, maybe empty.

    Where there are eight rows for each, it begins at a multiple of eight: native operators add up eight rows by
    themselves, and then those sums.

    >>> [part_of(10, rank, 4) for rank in range(4)]
    [slice(0, 2, None), slice(2, 5, None), slice(5, 7, None), slice(7, 10, None)]
    >>> [part_of(60, rank, 2) for rank in range(2)]
    [slice(0, 32, None), slice(32, 60, None)]
    """
    together = EIGHT if n >= EIGHT * size else 1
    pieces = -(-n // together)
    begin, end = (together * (pieces * number // size) for number in (rank, rank + 1))
    return slice(begin, min(n, end))


def _by_halves(arrays):
    """The sum of ``(size, ...)`` over its first axis: of the sums of its halves."""
    half = len(arrays) // 2
    return arrays[0] if len(arrays) == 1 else _by_halves(arrays[:half]) + _by_halves(arrays[half:])


def _in_order(arrays):
    """The sum of ``(size, ...)`` over its first axis, in order, in the arrays' type."""
    wide = np.float64 if arrays.dtype.kind == 'f' else np.int64 if arrays.dtype.kind == 'i' else np.uint64
    total = arrays[0].astype(wide)
    for array in arrays[1:]:
        total += array
    return total.astype(arrays.dtype)


def _bytes(array):
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _text(header):
    return header.tobytes().rstrip(b'\0').decode(errors='replace')


def _difference(value, other):
    """What differs, in words: of two dictionaries the entries that do."""
    if isinstance(value, dict) and isinstance(other, dict):
        names = [name for name in {**other, **value} if value.get(name) != other.get(name)]
        return ', '.join(f"{name} is {value.get(name)!r}, not {other.get(name)!r}" for name in names)
    return f"{value!r}, not {other!r}"
