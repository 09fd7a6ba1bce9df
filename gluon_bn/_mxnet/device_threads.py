"""Threads of several CPU devices in one process: :func:`compute_beside_others`.

The OpenBLAS in MXNet's wheels, 0.3.13 built for OpenMP, hangs when two engine threads multiply matrices at once: the
second one waits in ``exec_blas`` for a flag that it reads from memory but once. A thread whose OpenMP has one thread
never comes there. So of all CPU devices ``cpu(0)`` alone, which nearly everybody computes on, keeps its threads.
"""
import ctypes

from . import mx

_CPU = 1  # the number of this kind of device in MXNet's C API


def compute_beside_others(ctx):
    """Let ``ctx``, if it is a CPU other than ``cpu(0)``, compute in one thread from now on.

    OpenMP keeps the number for each thread, so it is set in the one that computes: MXNet's engine calls for it there,
    ``NaiveEngine`` in the thread that asks. It costs some microseconds; nothing is kept of it, because the engine has
    new threads after a fork, of which nobody may know.
    """
    if ctx.device_type != 'gpu' and ctx.device_id != 0:
        mx.base.check_call(mx.base._LIB.MXEnginePushSync(
            _set_one_thread, None, None, (ctypes.c_int * 2)(_CPU, ctx.device_id), None, 0, None, 0, None, 0, None))


@ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
def _set_one_thread(run_context, parameter):
    set_threads = getattr(mx.base._LIB, 'omp_set_num_threads', None)  # a build without OpenMP has none
    if set_threads is not None:
        set_threads(1)
