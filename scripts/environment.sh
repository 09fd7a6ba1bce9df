# Sourced by the other scripts: the project's own Python environment, .venv beside setup.py.
#
# ensure_environment EXTRA   makes .venv ready for work: creates it, repairs a half-made one, installs what is missing.
#                            EXTRA is "" or the name of an extra of pyproject.toml, such as test.
#                            GLUON_BN_VENV names another folder than .venv, GLUON_BN_PYTHON the interpreter to make it with.
# find_pythons               prints every interpreter here that can run gluon_bn, one a line, the preferred one first.
# one_python_of_each_version prints the first of them for each version, the oldest version first.
# install_into PYTHON BUILD WHAT...
#                            installs with PYTHON's pip: WHAT, and the build of MXNet (cpu, cu117 ...) with it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${GLUON_BN_VENV:-$root/.venv}
export PIP_DISABLE_PIP_VERSION_CHECK=1
newest_tried=14  # the newest Python 3 that gluon_bn has been tried on

say() { printf '%s\n' "$*" >&2; }

# The second number of an interpreter's version: 11 for Python 3.11.
_minor() { "$1" -c 'import sys; print(sys.version_info[1])'; }

# Prints the full path of an interpreter if it is Python 3.8 or later on 64-bit x86 Linux and can make environments.
_suitable() {
    [ -n "$1" ] && "$1" -c '
import platform, sys
right = sys.version_info >= (3, 8) and platform.machine() == "x86_64" and sys.platform == "linux"
import ensurepip, venv
print(sys.executable if right else "")' 2>/dev/null || true
}

find_pythons() {
    {
        local candidate version
        _suitable "${GLUON_BN_PYTHON:-}"
        for version in 3.11 3.10 3.12 3.9 3.8 3.13 3.14; do _suitable "python$version"; done
        for candidate in python3 python; do _suitable "$candidate"; done
        for version in 3.11 3.10 3.12 3.9 3.8 3.13 3.14; do  # what a version manager holds, on PATH or not
            for candidate in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python /opt/python*/"$version"*/bin/python \
                "${XDG_DATA_HOME:-$HOME/.local/share}/uv/python/cpython-$version".*/bin/python; do
                _suitable "$candidate"
            done
        done
    } | awk 'NF && !seen[$0]++'
}

one_python_of_each_version() {
    find_pythons | while read -r python; do printf '%s %s\n' "$(_minor "$python")" "$python"; done \
        | sort -n -u -k1,1 | cut -d' ' -f2-
}

_no_python() {
    say "gluon_bn needs Python 3.8 or later with venv on 64-bit x86 Linux, and found none (Python here:" \
        "$(python3 --version 2>/dev/null || echo none), $(uname -sm))."
    say "Install one, for example 'apt-get install python3 python3-venv', or name one: GLUON_BN_PYTHON=/path/to/python3.11"
    exit 1
}

install_into() {
    local python=$1 build=$2 minor
    shift 2
    minor=$(_minor "$python")
    # --no-warn-conflicts: MXNet says that it needs NumPy 1, and runs with NumPy 2 here.
    GLUON_BN_MXNET=$build "$python" -m pip install -q --no-warn-conflicts "$@" || return 1
    if [ "$minor" -ge 13 ]; then  # see setup.py
        [ "$build" = cpu ] && build=mxnet || build=mxnet-$build
        "$python" -m pip install -q --no-warn-conflicts --no-deps "$build==1.9.1"
    fi
}

# What is installed: where, which build of MXNet, and from which metadata.
_wanted_stamp() { printf '%s %s %s\n' "$root" "$1" "$(cat "$root"/{setup.py,pyproject.toml,scripts/environment.sh} | cksum)"; }

# Makes .venv with the preferred Python.
_make_venv() {
    local python
    python=$(find_pythons | head -n 1)
    [ -n "$python" ] || _no_python
    [ "$(_minor "$python")" -le "$newest_tried" ] \
        || say "$("$python" --version) is newer than any that gluon_bn has been tried on (3.$newest_tried): it may not work."
    say "Setting up ${venv##*/} with $("$python" --version) ..."
    "$python" -m venv "$venv" || { say "$python could not make $venv."; exit 1; }
}

ensure_environment() {
    local extra=$1 build stamp
    exec 9> "$venv.lock"
    flock 9 2>/dev/null || true  # two scripts started together set up one after the other
    if [ -e "$venv" ] && ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
        say "$venv is broken or half-made: making it anew."
        rm -rf "$venv"
    fi
    build=${GLUON_BN_MXNET:-$(cat "$venv/mxnet-build" 2>/dev/null || echo cpu)}
    for stamp in "$venv"/installed-*; do  # one with an extra serves where none is asked for
        if [ "${stamp##*/installed-}" = "${extra:-${stamp##*/installed-}}" ] \
            && [ "$(cat "$stamp" 2>/dev/null)" = "$(_wanted_stamp "$build")" ]; then
            exec 9>&-
            return
        fi
    done
    [ -e "$venv" ] || _make_venv
    say "Installing gluon_bn${extra:+[$extra]} and what it needs (once, a minute or two) ..."
    if [ "$(cat "$venv/mxnet-build" 2>/dev/null)" != "$build" ]; then  # the builds share their files: first the old one goes
        "$venv/bin/python" -m pip uninstall -q -y mxnet mxnet-cu112 mxnet-cu116 mxnet-cu117 2>/dev/null || true
    fi
    # compat: by a path. By setuptools' other way a folder gluon_bn, as a clone is called, hides the package beside it.
    install_into "$venv/bin/python" "$build" --config-settings editable_mode=compat -e "$root${extra:+[$extra]}" \
        || { say "The installation failed; the lines above say why. Run the same command again to go on."; exit 1; }
    echo "$build" > "$venv/mxnet-build"
    _wanted_stamp "$build" > "$venv/installed-$extra"
    exec 9>&-
}
