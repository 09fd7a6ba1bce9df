#!/usr/bin/env bash
# Set up .venv with the build of MXNet that you choose: cpu, or a GPU build: cu112, cu116, cu117 (CUDA 11.2, 11.6, 11.7).
# A GPU build comes with NVIDIA's libraries (about 2.5 GB from PyPI); the machine needs NVIDIA's driver alone.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
case "${1:-}" in
    cpu | cu112 | cu116 | cu117) export GLUON_BN_MXNET=$1 ;;
    *)
        say "usage: bash scripts/install.sh cpu|cu112|cu116|cu117"
        exit 2
        ;;
esac
ensure_environment ""
"$venv/bin/python" -c 'import gluon_bn; print("Ready. Computing on", gluon_bn.try_gpu())'
