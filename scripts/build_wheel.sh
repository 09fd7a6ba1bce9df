#!/usr/bin/env bash
# Build a wheel for every Python, with the native operators for AVX-512, AVX2 and plain x86-64: dist/gluon_bn-*.whl
#
# It needs Python with venv on 64-bit x86 Linux and PyPI, and no compiler: that comes from PyPI (ziglang, 100 MB) into an
# environment that is removed afterwards, and compiles for glibc 2.17 wherever it runs. The checkout stays as it is.
# Arguments: an interpreter to use, for example python3.11 (default: the first one that can run gluon_bn).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
python=${1:-$(find_pythons | head -n 1)}
[ -n "$python" ] || _no_python
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$python" -m venv "$scratch/tools"
tools="$scratch/tools/bin/python"
say "Installing the tools (once a build, a minute) ..."
"$tools" -m pip install -q 'ziglang>=0.13' auditwheel 'setuptools>=61' wheel
"$tools" -m pip install -q --no-deps --target "$scratch/mxnet" 'mxnet==1.9.1'  # its interface's source is compiled along
mkdir "$scratch/source"
(cd "$root" && git ls-files -z | xargs -0 tar -c) | tar -x -C "$scratch/source"
"$tools" "$scratch/source/scripts/compile_variants.py" "$scratch/mxnet/mxnet" "$scratch/source/gluon_bn/fast/prebuilt"
(cd "$scratch/source" && "$tools" -m pip wheel -q --no-deps --no-build-isolation -w "$scratch/wheel" .)
"$tools" -m wheel tags --remove --platform-tag manylinux2014_x86_64.manylinux_2_17_x86_64 "$scratch"/wheel/*.whl > /dev/null
"$tools" "$root/scripts/compile_variants.py" --check "$scratch"/wheel/*.whl
mkdir -p "$root/dist"
mv "$scratch"/wheel/*.whl "$root/dist/"
say "Made: $(ls "$root"/dist/gluon_bn-*manylinux*.whl)"
