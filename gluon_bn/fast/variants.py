"""The libraries that a wheel brings along, one for each kind of processor, and the choice of the one for this machine.

``prebuilt/`` has them with their digests; a checkout has no such folder and compiles for its own processor instead.
"""
import json
import os
from hashlib import sha256
from pathlib import Path

from ..support.processor import processor_lines
from . import compiler, trust
from .compiler import BuildError

FOLDER = Path(__file__).resolve().parent / 'prebuilt'
_AVX2 = frozenset(('avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe'))
_AVX512 = _AVX2 | {'avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'}
# The best one first: GCC's name of the processor, and what of /proc/cpuinfo's flags it must have.
VARIANTS = {'avx512': ('x86-64-v4', _AVX512), 'avx2': ('x86-64-v3', _AVX2), 'x86_64': ('x86-64', frozenset())}


def choose():
    """``(path, where it is from)`` of the library for this processor.

    ``$GLUON_BN_NATIVE_VARIANT`` forces one of ``VARIANTS``, or ``native``, which is built here for this very processor.
    Without it, the best one of the wheel that can run here is taken, and built here where there is no such wheel.
    """
    forced = os.environ.get('GLUON_BN_NATIVE_VARIANT', '').strip()
    if forced and forced not in (*VARIANTS, 'native'):
        raise BuildError(f"GLUON_BN_NATIVE_VARIANT is {forced!r}, and it must be one of {', '.join(VARIANTS)}, native")
    if forced in VARIANTS and (missing := VARIANTS[forced][1] - processor_flags()):
        raise BuildError(f"GLUON_BN_NATIVE_VARIANT is {forced}, and this processor cannot run that (it lacks "
                         f"{', '.join(sorted(missing))}); unset it")
    about = None if forced == 'native' else _prebuilt()
    if about is None:
        from . import build  # here: a wheel's library needs no lock, which not every system has
        path, by = build.library(VARIANTS[forced][0] if forced in VARIANTS else 'native')
        return path, f"{f'variant {forced}, ' if forced in VARIANTS else ''}built here by {by}"
    variant = forced or best(processor_flags())
    path = FOLDER / f'{variant}.so'
    if about['libraries'].get(variant) != trust.digest(path):
        raise BuildError(f"{path} is damaged; install the wheel again")
    return path, f"variant {variant} of the wheel, made by {about['compiler']}"


def best(flags):
    """The first variant that a processor with these flags can run.

    >>> best({'sse2'})
    'x86_64'
    """
    return next(name for name, (_, needed) in VARIANTS.items() if needed <= set(flags))


def processor_flags():
    """What the processor has and the kernel lets programs use, in the kernel's words."""
    return frozenset(processor_lines('flags')[0].split(':', 1)[1].split())


def write_about(folder, by):
    """Describe the libraries in ``folder`` for :func:`choose`."""
    about = {'compiler': by, 'sources': _sources(),
             'libraries': {path.stem: trust.digest(path) for path in sorted(folder.glob('*.so'))}}
    (folder / 'about.json').write_text(json.dumps(about, indent=1) + '\n', encoding='utf-8')


def _prebuilt():
    """What the wheel says of its libraries; None if there are none, or none of these very sources."""
    try:
        about = json.loads((FOLDER / 'about.json').read_text(encoding='utf-8'))
        sources, _, _ = about['sources'], about['compiler'], about['libraries'].get
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BuildError(f"{FOLDER / 'about.json'} is damaged; install the wheel again") from None
    return about if sources == _sources() else None


def _sources():
    content = ((compiler.FOLDER / name).read_bytes() for name in (*compiler.SOURCES, *compiler.HEADERS))
    return sha256(b'\0'.join(content)).hexdigest()
