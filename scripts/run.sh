#!/usr/bin/env bash
# The main job: set up .venv, train LeNet with batch norm on MNIST, evaluate, save, plot.
# Arguments are passed on to scripts/train_mnist.py; --help lists them.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
ensure_environment ""
exec "$venv/bin/python" "$root/scripts/train_mnist.py" "$@"
