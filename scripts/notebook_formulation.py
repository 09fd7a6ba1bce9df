"""The main job as notebooks write it, the yardstick of compare_with_notebook.py."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gluon_bn.studies.benchmarks.notebook_formulation import main

if __name__ == '__main__':
    sys.exit(main())
