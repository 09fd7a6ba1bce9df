#!/usr/bin/env bash
# Set up .venv and build the site from docs/ and tutorials/: build/site/index.html. It needs no network to be read.
#
# The tutorials are executed; what they print and draw is kept in build/, so that the next build takes seconds.
# --quick executes them with less data, into build/site-quick. Other arguments are passed on to sphinx-build.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
ensure_environment docs
cd "$root"
"$venv/bin/python" docs/site_tools.py "$@"
case " $* " in *' --quick '*) say "Made: build/site-quick/index.html" ;; *) say "Made: build/site/index.html" ;; esac
