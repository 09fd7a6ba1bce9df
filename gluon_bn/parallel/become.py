"""A program that becomes another one: ``python -m gluon_bn.support.tether ... gluon_bn.parallel.become PROGRAM ...``.

The kernel remembers that this process ends with its parent, whatever program it runs.
"""
import os
import sys

if __name__ == '__main__':
    os.execv(sys.argv[1], sys.argv[1:])
