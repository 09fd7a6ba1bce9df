"""Check that the installed wheel's native operators are in use and train; scripts/check_wheel.sh runs this."""
import os
import subprocess
import sys
from pathlib import Path

import gluon_bn as gbn
from gluon_bn.fast import variants

variant = os.environ.get('GLUON_BN_NATIVE_VARIANT', '')
if variant and not variants.VARIANTS[variant][1] <= variants.processor_flags():
    assert not gbn.native_status().startswith('native operators: in use'), gbn.native_status()
    print(f"{variant}: this processor cannot run it, and is told so: {gbn.native_status()}")
    sys.exit()
expected = f"native operators: in use, variant {variant or variants.best(variants.processor_flags())} of the wheel"
assert gbn.native_status().startswith(expected), gbn.native_status()
print(gbn.native_status(), flush=True)
subprocess.run([sys.executable, Path(__file__).with_name('check_install.py')], check=True)
