"""The command ``gluon-bn figure``, from a checkout of the project."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_bn.commands.__main__ import run_command

if __name__ == '__main__':
    sys.exit(run_command('figure'))
