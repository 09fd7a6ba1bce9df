#!/usr/bin/env bash
# Build the package and install it into a fresh environment with each Python here that it supports; try it there.
# Arguments: interpreters to try instead, for example python3.8.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mapfile -t pythons < <(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else
    find_pythons | while read -r python; do  # one of each version
        printf '%s %s\n' "$("$python" -c 'import sys; print(sys.version_info[1])')" "$python"
    done | sort -n -u -k1,1 | cut -d' ' -f2-; fi)
[ "${#pythons[@]}" -gt 0 ] || _no_python
"${pythons[0]}" -m venv "$scratch/build"
"$scratch/build/bin/python" -m pip wheel -q --no-deps -w "$scratch" "$root"
for python in "${pythons[@]}"; do
    rm -rf "$scratch/env"
    "$python" -m venv "$scratch/env"
    "$scratch/env/bin/python" -m pip install -q "$scratch"/gluon_bn-*.whl
    (cd "$scratch" && "$scratch/env/bin/python" -W error::FutureWarning "$root/scripts/check_install.py")
done
