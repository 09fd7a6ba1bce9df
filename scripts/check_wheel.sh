#!/usr/bin/env bash
# Try a wheel with native operators in a fresh environment, where no compiler can be found: each variant trains.
# Arguments: the wheel (default: the one in dist/), an interpreter (default: the first one that can run gluon_bn).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
wheel=$(realpath "${1:-$(ls -t "$root"/dist/gluon_bn-*manylinux*.whl | head -n 1)}")
python=${2:-$(find_pythons | head -n 1)}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$python" -m venv "$scratch/env"
"$scratch/env/bin/python" -m pip install -q "$wheel"
cd "$scratch"
export PATH="$scratch/env/bin" GLUON_BN_CACHE="$scratch/cache"
unset CXX GLUON_BN_NATIVE PYTHONPATH
for variant in "" avx512 avx2 x86_64; do
    GLUON_BN_NATIVE_VARIANT=$variant python "$root/scripts/check_wheel.py"
done
