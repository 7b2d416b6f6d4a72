#!/bin/sh
# Compiler launcher for nvcc: runs the command; what ptxas says of registers and shared memory (-Xptxas=-v) goes into
# OBJECT.ptxas, where tests/cuda/check_kernels.py reads it, and only the rest is printed.
object=
previous=
for argument in "$@"; do
    [ "$previous" = -o ] && object=$argument
    previous=$argument
done
[ -n "$object" ] || exec "$@"
"$@" >"$object.ptxas" 2>&1
status=$?
grep -v -e '^ptxas info' -e 'bytes stack frame' -e '^ *[0-9]* bytes cumulative' "$object.ptxas" >&2
exit $status
