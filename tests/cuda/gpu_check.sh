#!/usr/bin/env bash
# Everything that needs a GPU, without CMake or a compiler, so that a build can travel:
#   gpu_check.sh FOLDER_WITH_PROGRAMS OUT [STEP]...
# Steps, all by default: kernels end_to_end two_processes memcheck racecheck bench. Writes OUT/STEP.log, OUT/bench.json and
# OUT/gpu-check.json; exit code 77 without a GPU.
set -uo pipefail
programs=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
shift 2
[ $# -gt 0 ] && steps=("$@") || steps=(kernels end_to_end two_processes memcheck racecheck bench)

device=$("$programs/descrambler" info --device cuda --json 2>"$out/device.log") || { cat "$out/device.log" >&2; exit 77; }

sanitizer() {  # small sizes would hide nothing that large ones show: the longest cases are left out
    command -v compute-sanitizer >/dev/null || { echo "compute-sanitizer is not installed"; return 77; }
    compute-sanitizer --tool "$1" --error-exitcode 1 --print-limit 20 "$programs/test_gpu" --gtest_brief=1 \
        --gtest_filter="${DESCRAMBLER_SANITIZER_FILTER:-*}"
}
step() {
    case $1 in
    kernels) "$programs/test_gpu" --gtest_brief=1 ;;
    end_to_end) python3 "$here/end_to_end.py" "$programs/descrambler" "$out/end_to_end" ;;
    two_processes)
        "$programs/test_gpu" --gtest_brief=1 --gtest_filter='*Cayley*:*Random*' &
        local first=$! second
        "$programs/test_gpu" --gtest_brief=1 --gtest_filter='*Cayley*:*Random*' &
        second=$!
        wait $first && wait $second
        ;;
    memcheck | racecheck) sanitizer "$1" ;;
    bench) "$programs/descrambler_bench_cuda" --out "$out/bench.json" ;;
    *) echo "gpu_check: unknown step $1" >&2; return 2 ;;
    esac
}

failed=0
results=()
for name in "${steps[@]}"; do
    start=$(date +%s)
    step "$name" >"$out/$name.log" 2>&1
    status=$?
    seconds=$(($(date +%s) - start))
    tail -n 25 "$out/$name.log"
    echo "gpu_check: $name: exit code $status, $seconds s"
    results+=("{\"step\": \"$name\", \"exit_code\": $status, \"seconds\": $seconds}")
    [ $status -eq 0 ] || [ $status -eq 77 ] || failed=1
done
{
    printf '{"date": "%s",\n "info": %s,\n "steps": [' "$(date -u +%Y-%m-%d)" "$device"
    (IFS=,; printf '%s' "${results[*]}")
    printf ']}\n'
} >"$out/gpu-check.json"
exit $failed
