"""Devices: :func:`try_gpu`, :func:`try_all_gpus`, :func:`context_from_name`.

A GPU counts only when it has just run a kernel and returned the right numbers. MXNet reporting one is not enough: the
published builds hold machine code up to compute capability 8.x, so on Hopper and newer ``num_gpus()`` says 1 and the
first kernel fails; and a broken driver can crash or hang whoever asks it. So another process asks, with a time limit.
"""
from __future__ import annotations

import functools
import glob
import math
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..support.arguments import integer, shown
from ..support.subprocesses import ask
from . import mx
from .device_threads import compute_beside_others
from .surroundings import gpu_build_command

if TYPE_CHECKING:
    from mxnet import Context

DEFAULT_SECONDS = 90
_ROOT = Path(__file__).resolve().parent.parent.parent


def check_context(ctx):
    """``ctx``, if it is one of MXNet's contexts; else ``TypeError``. It may be used beside others from now on."""
    if not isinstance(ctx, mx.Context):
        raise TypeError(f"ctx is {shown(ctx)}; expected one of MXNet's contexts, such as mx.cpu() or gbn.try_gpu().")
    if ctx.device_type == 'gpu' and not mx.runtime.Features().is_enabled('CUDA'):
        raise ValueError(f"ctx is {ctx}; expected a CPU, because this build of MXNet has no GPU support: take "
                         "gbn.try_gpu(), which is a GPU where one works.")
    compute_beside_others(ctx)
    return ctx


def try_gpu(i: int = 0) -> Context:
    """GPU number ``i`` as a context if it works, else ``mx.cpu()``, with the reason on standard error.

    It works when a subprocess has run a kernel on it and got the right numbers within 90 s (environment variable
    ``GLUON_BN_GPU_SECONDS``). The answer is kept until the process ends. With MXNet's build for CPUs on a machine
    without an NVIDIA device, nobody expects a GPU: nothing is said.

    >>> str(gbn.try_gpu()) in ('gpu(0)', 'cpu(0)')
    True
    """
    reason = why_no_gpu(integer('i', i, at_least=0, hint='the number of a GPU'))
    if reason is None:
        return mx.gpu(i)
    if _built_with_cuda() or has_nvidia_device():
        say_once(f"gluon_bn: not using gpu({i}): {reason} Using cpu(0) instead.")
    return mx.cpu()


def try_all_gpus() -> list[Context]:
    """All GPUs that work, as a list of contexts; ``[mx.cpu()]`` when none does, with the reason on standard error."""
    gpus = []
    while len(gpus) < _reported_gpus() and why_no_gpu(len(gpus)) is None:
        gpus.append(mx.gpu(len(gpus)))
    return gpus or [try_gpu(0)]


def why_no_gpu(i=0):
    """``None`` if GPU ``i`` computes correctly, else one sentence that says why it cannot be used."""
    if not _built_with_cuda():
        return f"this build of MXNet has no GPU support; one that has comes with: {gpu_build_command()}."
    answer = ask_subprocess(i)
    if 'error' in answer:
        return answer['error']
    if answer['num_gpus'] <= i:
        return f"MXNet finds {answer['num_gpus']} GPUs."
    if answer.get('failed'):
        return (f"MXNet finds it, but a kernel on it fails ({answer['failed']}); MXNet's published builds have code "
                "for compute capability 5.0 to 8.9 only (Maxwell to Ada; not Hopper, not Blackwell).")
    if answer.get('result') != [[19.0, 22.0], [43.0, 50.0]]:
        return f"a product of two 2×2 matrices on it is wrong: {answer.get('result')}."
    return None


def context_from_name(name: str) -> Context:
    """The context called ``name``: 'auto' (a GPU that works, else the CPU), 'cpu', 'cpu:N', 'gpu' or 'gpu:N'.

    Raises ``ValueError`` for another name, and for a GPU that is asked for by name and does not work; ``TypeError`` for
    what is no name.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a context is {shown(name)}; expected auto, cpu, cpu:N, gpu or gpu:N.")
    if name == 'auto':
        return try_gpu()
    device, _, number = name.partition(':')
    if device not in ('cpu', 'gpu') or not (number or '0').isdecimal() or name.endswith(':') or len(number) > 9:
        raise ValueError(f"context {name!r} is unknown; expected auto, cpu, cpu:N, gpu or gpu:N.")
    if device == 'gpu':
        reason = why_no_gpu(int(number or 0))
        if reason is not None:
            raise ValueError(f"context {name!r} cannot be used: {reason} Use auto or cpu.")
    return mx.Context(device, int(number or 0))


def has_nvidia_device():
    """Whether there is a sign of an NVIDIA GPU on this machine: its driver, its device files or its tool."""
    return bool(os.path.exists('/proc/driver/nvidia') or glob.glob('/dev/nvidia*') or shutil.which('nvidia-smi'))


def probe_seconds():
    """How long a GPU may take to answer: ``GLUON_BN_GPU_SECONDS``; 90 if it is not set, or is no such number."""
    written = os.environ.get('GLUON_BN_GPU_SECONDS', '')
    if not written.strip():
        return DEFAULT_SECONDS
    try:
        seconds = float(written)
    except ValueError:
        seconds = math.nan
    if 0 < seconds < math.inf:
        return seconds
    say_once(f"gluon_bn: GLUON_BN_GPU_SECONDS is {written!r}; expected a number of seconds above 0, so "
              f"{DEFAULT_SECONDS} is used.")
    return DEFAULT_SECONDS


def _built_with_cuda():
    return mx.runtime.Features().is_enabled('CUDA')


def _reported_gpus():
    return ask_subprocess(0).get('num_gpus', 0) if _built_with_cuda() else 0


@functools.lru_cache(maxsize=64)
def say_once(message):
    """Print a line on standard error, and never again in this process."""
    print(message, file=sys.stderr)


@functools.lru_cache(maxsize=64)
def ask_subprocess(i):
    """The answer of ``gpu_probe.py`` as a dictionary, or ``{'error': sentence}``, within :func:`probe_seconds`.

    It is kept until the process ends: asking takes seconds.
    """
    seconds = probe_seconds()
    answer, status = ask([
        sys.executable, '-c', f"import sys; sys.path.append({str(_ROOT)!r}); "
        f"from gluon_bn.support import tether; tether.end_with({os.getpid()}); "
        f"tether.limit_cpu({seconds * (os.cpu_count() or 1)}); "
        f"import gluon_bn._mxnet.gpu_probe as probe; probe.main({int(i)})"], seconds)
    if status is None:
        return {'error': f"a kernel on it did not end within {seconds:g} s; the driver hangs."}
    if answer:
        return answer
    return {'error': f"the process that tried it ended with status {status} and no answer; the driver is broken."}
