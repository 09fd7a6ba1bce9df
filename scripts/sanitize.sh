#!/usr/bin/env bash
# Builds the native operators with AddressSanitizer and UndefinedBehaviorSanitizer and runs their tests on them: a read or
# write outside an array, a use after free, a signed overflow or a wrong conversion ends the tests with its place. Needs a
# g++ with its sanitizers' libraries. PYTHON chooses the interpreter, arguments are passed on to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-.venv/bin/python}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
compiler=$(command -v g++)
cat > "$folder/g++" <<END
#!/bin/sh
unset LD_PRELOAD
for word; do  # names stay, for the places; what the sanitizers call is in none of the linker's files
    shift
    case \$word in -s | -Wl,-z,defs) ;; *) set -- "\$@" "\$word" ;; esac
done
exec $compiler "\$@" -O1 -g1 -fsanitize=address,undefined -fno-sanitize=vptr,null,alignment -fno-sanitize-recover=undefined
END
chmod +x "$folder/g++"
preload="$("$compiler" -print-file-name=libasan.so) $("$compiler" -print-file-name=libubsan.so)"
preload="$preload $("$compiler" -print-file-name=libstdc++.so)"  # whose exceptions the sanitizer has to know
export CXX=$folder/g++ XDG_CACHE_HOME=$folder GLUON_BN_CACHE=$folder OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=1 PYTHONPATH=$PWD
# Python and MXNet were built without sanitizers: what they leak is not looked at, and the sanitizer has to be there first.
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
LD_PRELOAD=$preload "$python" -c 'import sys
from gluon_bn.fast import native
sys.exit(None if native.available() else native.native_status())'
LD_PRELOAD=$preload "$python" -m pytest -q -p no:cacheprovider tests/fast/test_native_{operators,launch}.py \
    -k 'not comma and not through_a_network' "$@"
