"""Compile the native operators for each kind of processor, for a wheel; scripts/build_wheel.sh runs this.

The compiler is the package ziglang. With --check WHEEL, nothing is compiled: whether the wheel's libraries need nothing
newer than its name says.
"""
import argparse
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import types
from pathlib import Path

FAST = Path(__file__).resolve().parent.parent / 'gluon_bn' / 'fast'
PLATFORM = 'manylinux_2_17_x86_64'


def modules():
    """``compiler`` and ``variants`` of the package, without the package itself, which would load MXNet."""
    for name, folder in (('gluon_bn', FAST.parent), ('gluon_bn.fast', FAST)):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    from gluon_bn.fast import compiler, variants
    return compiler, variants


def compile_all(mxnet, folder):
    """Write a library for each variant and ``about.json``, which describes them."""
    compiler, variants = modules()
    folder.mkdir(parents=True)
    words = [sys.executable, '-m', 'ziglang', 'c++']
    with tempfile.TemporaryDirectory() as cache:
        for variant, (target, _) in variants.VARIANTS.items():
            print(f"Compiling for {target} ...", file=sys.stderr, flush=True)
            status, said = compiler.run(compiler.command(words, mxnet, target, folder / f'{variant}.so'), 1800,
                                        ZIG_GLOBAL_CACHE_DIR=cache, ZIG_LOCAL_CACHE_DIR=cache)
            if status != 0:
                sys.exit(f"the compiler failed with status {status}:\n{said.decode('utf-8', 'replace')}")
            os.chmod(folder / f'{variant}.so', 0o755)
    variants.write_about(folder, f"Zig {importlib.metadata.version('ziglang')}")


def check(wheel):
    """End with a message if auditwheel finds that the wheel's libraries need a newer system than its name says."""
    said = subprocess.run([sys.executable, '-m', 'auditwheel', 'show', str(wheel)], capture_output=True, text=True)
    text = ' '.join((said.stdout + said.stderr).split())
    if said.returncode or f'"{PLATFORM}"' not in text:
        sys.exit(f"auditwheel does not find {PLATFORM}: {text}")


def main():
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('mxnet', metavar='MXNET', type=Path, nargs='?', help="the folder of MXNet's package")
    parser.add_argument('folder', metavar='FOLDER', type=Path, nargs='?', help="a new folder for the libraries")
    parser.add_argument('--check', metavar='WHEEL', type=Path, help="the wheel to check")
    options = parser.parse_args()
    if options.check and not options.mxnet:
        check(options.check)
    elif options.folder and not options.check:
        compile_all(options.mxnet, options.folder)
    else:
        parser.error("give MXNET and FOLDER, or --check WHEEL")


if __name__ == '__main__':
    main()
