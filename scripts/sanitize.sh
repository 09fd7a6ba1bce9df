#!/usr/bin/env bash
# Builds the native operators with AddressSanitizer and UndefinedBehaviorSanitizer and runs their tests on them: a read or
# write outside an array, a use after free, a signed overflow or a wrong conversion ends the tests with its place. Needs a
# g++ with its sanitizers' libraries. PYTHON chooses the interpreter, arguments are passed on to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-.venv/bin/python}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/g++" <<'END'
#!/bin/sh
exec g++ "$@" -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
END
chmod +x "$folder/g++"
export CXX=$folder/g++ XDG_CACHE_HOME=$folder OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=1 PYTHONPATH=$PWD
# Python and MXNet were built without: their memory is theirs, and the sanitizer has to be loaded before them.
ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0 UBSAN_OPTIONS=print_stacktrace=1 \
    LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so) $(g++ -print-file-name=libstdc++.so)" \
    "$python" -m pytest -q -p no:cacheprovider -W ignore tests/test_sanitized.py "$@"
