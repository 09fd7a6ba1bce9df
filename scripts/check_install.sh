#!/usr/bin/env bash
# Build the package and install it into a fresh environment with each Python here that can run it; try it there: first its
# NumPy half without MXNet, then all of it with MXNet. Arguments: interpreters to try instead, for example python3.8.
set -euo pipefail
export PIP_NO_COMPILE=no  # pip's word for yes: each environment lives for one import, which compiles what it needs
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
if [ "${1:-}" = --in ]; then  # as it calls itself, below: the folder with the wheel, and one interpreter
    scratch=$2 python=$3 env=$2/env-$(_minor "$3")
    "$python" -m venv "$env"
    "$env/bin/python" -m pip install -q numpy tqdm
    "$env/bin/python" -m pip install -q --no-deps "$scratch"/gluon_bn-*.whl
    cd "$scratch"
    "$env/bin/python" "$root/scripts/check_install.py" numpy
    install_into "$env/bin/python" cpu "$scratch"/gluon_bn-*.whl
    "$env/bin/python" -W error::FutureWarning "$root/scripts/check_install.py" mxnet
    rm -rf "$env"
    exit
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mapfile -t pythons < <(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else one_python_of_each_version; fi)
[ "${#pythons[@]}" -gt 0 ] || _no_python
# The wheel comes out of the source distribution, so that what is missing there is missed here.
"${pythons[-1]}" -m venv "$scratch/build"
"$scratch/build/bin/python" -m pip install -q build
"$scratch/build/bin/python" -m build "$root" --outdir "$scratch" > "$scratch/log" || { tail -n 20 "$scratch/log"; exit 1; }
"${pythons[-1]}" "$root/scripts/check_distributions.py" "$scratch"/gluon_bn-*.tar.gz "$scratch"/gluon_bn-*.whl
# A few at a time; if one fails, so does this.
printf '%s\0' "${pythons[@]}" | xargs -0 -n 1 -P 3 bash "${BASH_SOURCE[0]}" --in "$scratch"
