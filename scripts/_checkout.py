"""The commands of this checkout, for the scripts beside this file that are one command each."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_bn.commands.__main__ import run_command


def run(command):
    """End the process as ``gluon-bn COMMAND`` would, with its command line."""
    sys.exit(run_command(command))
