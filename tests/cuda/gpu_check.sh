#!/usr/bin/env bash
# Everything that needs a GPU, without CMake or a compiler, so that a build can travel:
#   gpu_check.sh FOLDER_WITH_PROGRAMS OUT [STEP]...
# Steps, all by default: probe suites end_to_end two_processes memcheck racecheck synccheck bench counters. Each ends within ten
# minutes (DESCRAMBLER_STEP_SECONDS, 540), each of its parts is a process with a limit of its own
# (DESCRAMBLER_PART_SECONDS, 120). After every part OUT/gpu-check.json and OUT/gpu-check.tar.gz (the logs) are up to date;
# a later call with the same OUT adds to them.
# Exit code 77 where there is no device, 1 where anything failed; a missing library is a failure.
set -uo pipefail
programs=$(cd "$1" && pwd) || exit 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
shift 2
[ $# -gt 0 ] && steps=("$@") || steps=(probe suites end_to_end two_processes memcheck racecheck synccheck bench counters)
step_seconds=${DESCRAMBLER_STEP_SECONDS:-540}
part_seconds=${DESCRAMBLER_PART_SECONDS:-120}

# Small, and one or two of every family: what a sanitizer sees does not need large sizes, and takes a hundred times as long.
sanitized=(
    Random/1.ItemReadsItsOwnStream
    CudaBlas/1.AxpbyForgetsAnOperandWithFactorZero
    CudaBlas/1.GramByHand
    CudaBlas/0.DenseGramOfNetworksOnOneLibraryHasTheBitsOfEachAlone
    Cayley/1.ByHand
    Tikhonov/1.OneFactorMayServeTheWholeBatch
    Deer/0.StartsAtOneAndFillsTheBox
    Mlp/0.ForwardByHand
    Mlp/0.AnItemHasTheSameBitsAloneAndAmongMany
    Train/0.FiveStepsMatchCpu
    CudaFactor/1.SvdByHand
    CudaFactor/1.QrOfADeficientMatrixGivesOrthonormalColumns
    CudaRandomizedSvd/1.ABatchGivesEachItemTheBitsItHasAlone
    CudaConvolution/0.ByHand
    CudaConvolution/1.AProbeHasTheSameBitsInAnyCompany
    CudaMaps/1.ByHand
    CudaMaps/0.RunsMatchCpu
    CudaFrozen/1.MatchesCpu
    Minimise.BoundAndBudgetsAreKept
    Minimise.BitsDoNotDependOnTheBatch
)
# First what has a published target, then the rest.
counted=(tikhonov minimise qr train)  # by the profiler's hardware counters
benchmarks=(tikhonov/80 tikhonov/256 closed_forms/256 train closed_forms/80 minimise cayley gram deer_traces qr eigh svd convolve)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ ! -f "$out/gpu-check.tar.gz" ] || tar -C "$work" -xzf "$out/gpu-check.tar.gz"

LD_LIBRARY_PATH=$("$here/find_cuda.sh" "$programs"/{descrambler,test_gpu,descrambler_bench_cuda})${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH

# ---- what is written -----------------------------------------------------------------------------------------------

info=null
device_name=""
failed=0
quoted() { printf '"%s"' "$(tr -d '\000-\037' <<<"$1" | sed 's/\\/\\\\/g; s/"/\\"/g')"; }
write() {
    {
        printf '{"date": "%s",\n "device": %s,\n "info": %s,\n "results": [\n' "$(date -u +%Y-%m-%d)" "$(quoted "$device_name")" "$info"
        sed '$!s/$/,/' "$work/results.jsonl"
        printf ']}\n'
    } >"$out/gpu-check.json.new" && mv "$out/gpu-check.json.new" "$out/gpu-check.json"
    tar -C "$work" --owner=0 --group=0 -czf "$out/gpu-check.tar.gz" .
}
# result STEP PART EXIT_CODE SECONDS NOTE; a part that is done again replaces the old one
result() {
    touch "$work/results.jsonl"
    grep -vF "{\"step\": \"$1\", \"part\": $(quoted "$2")," "$work/results.jsonl" >"$work/others" || true
    mv "$work/others" "$work/results.jsonl"
    printf '{"step": "%s", "part": %s, "exit_code": %s, "seconds": %s, "note": %s}\n' "$1" "$(quoted "$2")" "$3" "$4" \
        "$(quoted "$5")" >>"$work/results.jsonl"
    [ "$3" -eq 0 ] || [ "$3" -eq 77 ] || failed=1
    echo "gpu_check: $1 $2: exit code $3, $4 s${5:+, $5}"
    write
}

# part STEP NAME LIMIT COMMAND...: a process of its own, no longer than LIMIT or what is left of the step
part() {
    local step=$1 name=$2 limit=$3 left=$((step_end - SECONDS)) log status start=$SECONDS note=""
    shift 3
    log=$work/$step.$(tr -c 'A-Za-z0-9\n' '_' <<<"$name").log
    if [ "$left" -le 0 ]; then
        result "$step" "$name" 124 0 "not run: no time left in this step"
        return
    fi
    [ "$limit" -le "$left" ] || limit=$left
    timeout -k 5 "$limit" "$@" >"$log" 2>&1
    status=$?
    case $status in
    0) ;;
    124 | 137) note="stopped after $limit s" ;;
    126 | 127) note="cannot be started: $(tail -n 1 "$log")" ;;
    132) note="illegal instruction: built for another processor" ;;
    *) note=$(grep -m 1 -E 'Failure$|^\[  FAILED|ERROR SUMMARY|rror' "$log") ;;
    esac
    if [ $status -eq 0 ] && grep -q '^\[==========\] 0 tests' "$log"; then
        status=1
        note="no such test"
    fi
    [ $status -eq 0 ] || tail -n 25 "$log"
    result "$step" "$name" $status $((SECONDS - start)) "$note"
}

# ---- steps ---------------------------------------------------------------------------------------------------------

# shellcheck disable=SC2317  # a shell of its own runs it
probe() {
    nvidia-smi
    getconf GNU_LIBC_VERSION
    sed -n '1,25p' /proc/cpuinfo
    command -v compute-sanitizer ncu python3
    echo "LD_LIBRARY_PATH=$LD_LIBRARY_PATH"
    local program
    for program in descrambler test_gpu descrambler_bench_cuda; do
        ldd "$programs/$program"
    done
    "$programs/descrambler" info --device cuda
}
suites() {
    local list
    list=$(timeout -k 5 "$part_seconds" "$programs/test_gpu" --gtest_list_tests) || { result suites list 1 0 "test_gpu does not start"; return; }
    local name names
    mapfile -t names < <(awk '/^[A-Za-z]/ && $1 ~ /\.$/ {print $1}' <<<"$list")
    for name in "${names[@]}"; do
        part suites "${name%.}" "$part_seconds" "$programs/test_gpu" --gtest_brief=1 "--gtest_filter=${name}*"
    done
}
# shellcheck disable=SC2317
two_at_once() {
    local one two
    "$programs/test_gpu" --gtest_brief=1 --gtest_filter='Cayley*:Random*' &
    one=$!
    "$programs/test_gpu" --gtest_brief=1 --gtest_filter='Cayley*:Random*' &
    two=$!
    wait "$one"
    one=$?
    wait "$two" && [ "$one" -eq 0 ]
}
sanitizer() {
    local name options=(--tool "$1" --error-exitcode 1 --print-limit 20)
    [ "$1" != memcheck ] || options+=(--track-stream-ordered-races all)
    if ! command -v compute-sanitizer >/dev/null; then
        result "$1" all 77 0 "compute-sanitizer is not installed"
        return
    fi
    for name in "${sanitized[@]}"; do
        part "$1" "$name" "$part_seconds" compute-sanitizer "${options[@]}" "$programs/test_gpu" --gtest_brief=1 \
            "--gtest_filter=$name"
    done
}
bench() {
    local name
    for name in "${benchmarks[@]}"; do
        part bench "$name" "$part_seconds" "$programs/descrambler_bench_cuda" --filter "$name" \
            --out "$work/bench-${name//\//-}.json"
    done
}
counters() {
    local name
    if ! command -v ncu >/dev/null; then
        result counters all 77 0 "ncu is not installed"
        return
    fi
    for name in "${counted[@]}"; do
        part counters "$name" "$part_seconds" ncu --clock-control none --launch-count 20 --csv \
            --log-file "$work/counters-$name.csv" "$programs/descrambler_bench_cuda" --quick --filter "$name"
    done
}
run_step() {
    case $1 in
    probe) part probe all "$part_seconds" bash -c "$(declare -f probe); programs='$programs' probe" ;;
    suites) suites ;;
    end_to_end) part end_to_end all "$step_seconds" python3 "$here/end_to_end.py" "$programs/descrambler" "$work/end_to_end"
        rm -rf "$work/end_to_end" ;;
    two_processes) part two_processes all "$step_seconds" bash -c "$(declare -f two_at_once); programs='$programs' two_at_once" ;;
    memcheck | racecheck | synccheck) sanitizer "$1" ;;
    bench) bench ;;
    counters) counters ;;
    *) echo "gpu_check: unknown step $1" >&2; exit 2 ;;
    esac
}

# Only the program's own word that there is no device ends with 77, and only where no driver shows one.
answer=$(timeout -k 5 "$part_seconds" "$programs/descrambler" info --device cuda --json 2>"$work/device.log")
status=$?
if [ $status -eq 0 ]; then
    info=$answer
    device_name=$(timeout -k 5 "$part_seconds" "$programs/descrambler" info --device cuda 2>/dev/null | grep -m 1 -o 'cuda:[0-9]* (.*)')
else
    cat "$work/device.log" >&2
    if [ $status -eq 2 ] && grep -qE 'no GPU can be used|has no GPU|no test device' "$work/device.log" &&
        ! nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
        exit 77
    fi
    step_end=$((SECONDS + step_seconds))
    result device info $status 0 "$(tail -n 1 "$work/device.log")"
    case " ${steps[*]} " in *" probe "*) run_step probe ;; esac
    exit 1
fi
for name in "${steps[@]}"; do
    step_end=$((SECONDS + step_seconds))
    run_step "$name"
done
exit $failed
