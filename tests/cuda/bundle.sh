#!/usr/bin/env bash
# bundle.sh PROGRAMS OUT.tar.gz: packs what a machine with a GPU needs to run tests/cuda/gpu_check.sh: descrambler, test_gpu,
# descrambler_bench_cuda and the libraries they need but glibc, the driver's and CUDA's, which are found there
# (find_cuda.sh). On that machine:  tar -xzf OUT.tar.gz; gpu-check/gpu_check RESULTS [STEP]...
# Build with the preset gpu-bundle: instruction set x86-64-v3, no MPI. Refuses a build that needs MPI or a newer glibc than
# DESCRAMBLER_GLIBC (2.36), and a package over DESCRAMBLER_BUNDLE_MIB (64).
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
programs=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/gpu-check
mkdir -p "$root/bin" "$root/lib"

glibc='^(ld-linux|linux-vdso|libc|libm|libmvec|libpthread|libdl|librt|libresolv|libutil)[-.]'
others='^lib(cuda|nvidia-|cudart|cublas|cublasLt|cusolver|cusparse|cufft|nvJitLink|nccl)[.-]'
status=0
refuse() {
    echo "bundle: $*" >&2
    status=1
}
for name in descrambler test_gpu descrambler_bench_cuda; do
    [ -x "$programs/$name" ] || { echo "bundle: $programs/$name is not there, expected a build with CUDA, tests and benchmarks" >&2; exit 2; }
    install -m 755 "$programs/$name" "$root/bin/$name"
    strip --strip-debug "$root/bin/$name"
    while read -r library arrow path _; do
        [ "$arrow" = "=>" ] || continue
        [[ $library =~ $glibc || $library =~ $others ]] && continue
        [[ $library =~ ^libmpi|^libopen-(rte|pal)|^libpmix ]] && refuse "$name needs $library: build with DESCRAMBLER_MPI=OFF"
        if [ "$path" = not ]; then
            refuse "$name needs $library, which is not found"
        elif [ ! -e "$root/lib/$library" ]; then
            install -m 644 "$(readlink -f "$path")" "$root/lib/$library"
            strip --strip-debug "$root/lib/$library"
        fi
    done < <(ldd "$programs/$name")
done
needed=$(find "$root/bin" "$root/lib" -type f -exec readelf -VW {} + | grep -oE 'GLIBC_2\.[0-9]+' | sort -uV | tail -n 1)
most=GLIBC_${DESCRAMBLER_GLIBC:-2.36}
[ "$(printf '%s\n' "$needed" "$most" | sort -V | tail -n 1)" = "$most" ] || refuse "needs $needed, more than $most"

mkdir -p "$root/tests"
install -m 755 "$here/gpu_check.sh" "$here/find_cuda.sh" "$here/end_to_end.py" "$root/tests/"
cat >"$root/gpu_check" <<'R'
#!/usr/bin/env bash
# gpu_check RESULTS [STEP]...: see tests/gpu_check.sh
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
exec "$here/tests/gpu_check.sh" "$here/bin" "$@"
R
chmod 755 "$root/gpu_check"
{
    echo "needs $needed"
    ldd "$programs"/{descrambler,test_gpu,descrambler_bench_cuda} | awk '{print $1}' | { grep -E "$others" || true; } | sort -u | sed 's/^/needs from the machine: /'
    (cd "$root" && find . -type f -printf '%s %p\n' | sort -k 2)
} >"$root/MANIFEST"
tar -C "$work" --sort=name --owner=0 --group=0 -cf - gpu-check | gzip -9 >"$2"
mib=$(($(stat -c %s "$2") / 1048576 + 1))
[ "$mib" -le "${DESCRAMBLER_BUNDLE_MIB:-64}" ] || refuse "$mib MiB"
echo "bundle: $2: $mib MiB, $(find "$root/lib" -type f | wc -l) libraries, needs $needed"
exit $status
