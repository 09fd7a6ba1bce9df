"""Versions of Python on which MXNet 1.9.1 has been tried."""
import sys

OLDEST, NEWEST = (3, 8), (3, 14)


def check_python(version=sys.version_info):
    """Raise an ``ImportError`` of one sentence on a Python that is too old."""
    if tuple(version[:2]) < OLDEST:
        raise ImportError(f"gluon_bn needs Python 3.8 or newer, and this is Python {version[0]}.{version[1]}: "
                          "use a newer interpreter.")


def warn_of_new_python(version=sys.version_info):
    """Print one line on standard error on a Python with which nobody has tried MXNet 1.9.1 yet."""
    if tuple(version[:2]) > NEWEST:
        print(f"gluon_bn: MXNet 1.9.1 has been tried on Python 3.8 to 3.14, and this is Python {version[0]}."
              f"{version[1]}. Continuing; if something fails, use an older interpreter.", file=sys.stderr)
