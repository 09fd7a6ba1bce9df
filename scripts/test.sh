#!/usr/bin/env bash
# Set up .venv and run the tests. Arguments are passed on to pytest; -m slow runs the long ones.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
ensure_environment test
cd "$root"
exec "$venv/bin/python" -m pytest "$@"
