#!/usr/bin/env bash
# Set up .venv and build the site from docs/ and tutorials/: build/site/index.html. It needs no network to be read.
#
# The tutorials are executed; what they print and draw is kept in build/, so that the next build takes seconds.
# --quick executes them with less data, into build/site-quick. Other arguments are passed on to sphinx-build.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
ensure_environment docs
[ "$(_minor "$venv/bin/python")" -ge 9 ] || {
    say "The site needs Python 3.9 or later, and ${venv##*/} has 3.8: name one with GLUON_BN_PYTHON, and another folder than" \
        ".venv with GLUON_BN_VENV."
    exit 1
}
cd "$root"
"$venv/bin/python" docs/site_tools.py "$@"
case " $* " in *' --quick '*) say "Made: build/site-quick/index.html" ;; *) say "Made: build/site/index.html" ;; esac
