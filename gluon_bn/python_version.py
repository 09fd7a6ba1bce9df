"""Which versions of Python can run MXNet 1.9.1."""
import sys


def check_python(version=sys.version_info):
    """Raise an ``ImportError`` of one sentence unless MXNet 1.9.1 can run on this version of Python."""
    if not (3, 8) <= tuple(version[:2]) < (3, 13):
        raise ImportError(f"gluon_bn needs Python 3.8 to 3.12, and this is Python {version[0]}.{version[1]}: MXNet "
                          "1.9.1 works only with NumPy 1, which has no newer builds; use an older interpreter.")
