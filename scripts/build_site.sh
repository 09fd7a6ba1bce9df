#!/usr/bin/env bash
# Set up .venv and build the site from docs/ and tutorials/: build/site/index.html. It needs no network to be read.
#
# The tutorials are executed; what they print and draw is kept in build/, so that the next build takes seconds.
# --quick executes them in quick mode (into build/site-quick), for tests. Other arguments are passed on to sphinx-build.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
ensure_environment docs
cd "$root"
kind=full site=build/site
unset GLUON_BN_QUICK MPLBACKEND
export JUPYTER_PREFER_ENV_PATH=1  # the kernel is this environment's
if [ "${1:-}" = --quick ]; then
    shift
    kind=quick site=build/site-quick
    export GLUON_BN_QUICK=1
fi
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
"$venv/bin/python" -m sphinx -W --keep-going -n -q -c docs -d "build/doctrees-$kind" "$@" . "$site"
say "Made: $site/index.html"
