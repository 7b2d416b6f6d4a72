#!/usr/bin/env bash
# find_cuda.sh PROGRAM...: prints the folders, separated by colons, in which shared libraries lie that the loader does not
# find for the programs: CUDA toolkits, LD_LIBRARY_PATH, and the nvidia/*/lib folders of a Python's packages. Exit code 1
# with one line a library where some are nowhere.
set -uo pipefail

folders() {
    tr ':' '\n' <<<"${LD_LIBRARY_PATH:-}"
    local root
    for root in "${CUDA_HOME:-}" "${CUDA_PATH:-}" /usr/local/cuda /usr/local/cuda-* /opt/cuda; do
        [ -z "$root" ] || printf '%s\n' "$root/lib64" "$root/lib" "$root/targets/x86_64-linux/lib"
    done
    for root in "${VIRTUAL_ENV:-}" "${CONDA_PREFIX:-}"; do
        [ -z "$root" ] || printf '%s\n' "$root/lib" "$root"/lib/python3*/site-packages/nvidia/*/lib
    done
    if command -v python3 >/dev/null; then
        python3 -c 'import glob, sys; [print(f) for p in sys.path if p for f in sorted(glob.glob(p + "/nvidia/*/lib"))]'
    fi
    printf '%s\n' /usr/lib/x86_64-linux-gnu /usr/lib64
}

missing() { LD_LIBRARY_PATH="${found:+$found:}${LD_LIBRARY_PATH:-}" ldd "$@" 2>/dev/null | awk '/=> not found/ {print $1}' | sort -u; }

# What is found may need more: as long as that helps.
found=""
while :; do
    before=$found
    for library in $(missing "$@"); do
        while IFS= read -r folder; do
            if [ -z "$folder" ] || [ ! -e "$folder/$library" ]; then continue; fi
            case ":$found:" in *":$folder:"*) ;; *) found=${found:+$found:}$folder ;; esac
            break
        done < <(folders)
    done
    [ "$found" != "$before" ] || break
done
echo "$found"
status=0
for library in $(missing "$@"); do
    echo "find_cuda: $library is nowhere" >&2
    status=1
done
exit $status
