#!/usr/bin/env bash
# Set up .venv and run the tests, in a process of one thread for each core, up to four. Arguments are passed on to
# pytest: -m slow runs the long ones, -n 0 runs all in one process.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
ensure_environment test
cd "$root"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}
exec "$venv/bin/python" -m pytest -n auto --maxprocesses 4 --dist worksteal "$@"
