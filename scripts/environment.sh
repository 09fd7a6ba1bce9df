# Sourced by the other scripts: the project's own Python environment, .venv beside setup.py.
#
# ensure_environment EXTRA   makes .venv ready for work: creates it, repairs a half-made one, installs what is missing.
#                            EXTRA is "" or the name of an extra of setup.py, such as test.
# find_pythons               prints every interpreter here that can run gluon_bn, one a line, the preferred one first.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv="$root/.venv"
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "$*" >&2; }

# Prints the full path of an interpreter if it is Python 3.8 to 3.12 on 64-bit x86 Linux and can make environments.
_suitable() {
    [ -n "$1" ] && "$1" -c '
import platform, sys
right = (3, 8) <= sys.version_info[:2] < (3, 13) and platform.machine() == "x86_64" and sys.platform == "linux"
import ensurepip, venv
print(sys.executable if right else "")' 2>/dev/null || true
}

find_pythons() {
    {
        local candidate version
        for candidate in "${GLUON_BN_PYTHON:-}" python3.11 python3.10 python3.12 python3.9 python3.8 python3 python; do
            _suitable "$candidate"
        done
        for version in 3.11 3.10 3.12 3.9 3.8; do  # versions that a version manager holds, on PATH or not
            for candidate in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python /opt/python*/"$version"*/bin/python; do
                _suitable "$candidate"
            done
        done
    } | awk 'NF && !seen[$0]++'
}

_no_python() {
    say "gluon_bn needs Python 3.8 to 3.12 with venv on 64-bit x86 Linux, and found none (Python here:" \
        "$(python3 --version 2>/dev/null || echo none), $(uname -sm))."
    say "Install one, for example 'apt-get install python3 python3-venv', or name one: GLUON_BN_PYTHON=/path/to/python3.11"
    exit 1
}

# What is installed: where, which build of MXNet, which extras, and from which setup.py.
_wanted_stamp() { printf '%s %s %s\n' "$root" "$1" "$(cksum < "$root/setup.py")"; }

ensure_environment() {
    local extra=$1 build python stamp
    exec 9> "$root/.venv.lock"
    flock 9 2>/dev/null || true  # two scripts started together set up one after the other
    if [ -e "$venv" ] && ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
        say "$venv is broken or half-made: making it anew."
        rm -rf "$venv"
    fi
    build=${GLUON_BN_MXNET:-$(cat "$venv/mxnet-build" 2>/dev/null || echo cpu)}
    stamp="$venv/installed-$extra"
    if [ "$(cat "$stamp" 2>/dev/null)" = "$(_wanted_stamp "$build")" ]; then
        exec 9>&-
        return
    fi
    if [ ! -e "$venv" ]; then
        python=$(find_pythons | head -n 1)
        [ -n "$python" ] || _no_python
        say "Setting up .venv with $("$python" --version) ..."
        "$python" -m venv "$venv" || { say "$python could not make $venv."; exit 1; }
    fi
    say "Installing gluon_bn${extra:+[$extra]} and what it needs (once, a minute or two) ..."
    if [ "$(cat "$venv/mxnet-build" 2>/dev/null)" != "$build" ]; then  # the builds share their files: first the old one goes
        "$venv/bin/python" -m pip uninstall -q -y mxnet mxnet-cu112 mxnet-cu116 mxnet-cu117 2>/dev/null || true
    fi
    GLUON_BN_MXNET=$build "$venv/bin/python" -m pip install -q -e "$root${extra:+[$extra]}" \
        || { say "The installation failed; the lines above say why. Run the same command again to go on."; exit 1; }
    echo "$build" > "$venv/mxnet-build"
    _wanted_stamp "$build" > "$stamp"
    exec 9>&-
}
