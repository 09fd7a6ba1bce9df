"""``python -m gluon_bn``: the command ``gluon-bn`` of this interpreter."""
import sys

from .commands.__main__ import main

if __name__ == '__main__':
    sys.exit(main())
