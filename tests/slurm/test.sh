#!/usr/bin/env bash
# test.sh PROGRAM SAME_BITS FOLDER SCENARIO...: scenarios of scenarios.sh in a throw-away cluster, or `reference`, which makes
# what they compare with, in FOLDER. Exit code 77 (skip) with a reason where something is missing, but 1 where the
# environment says CI=true: there nothing may be missing.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 4 ] || { sed -n 2,4p "$0" >&2; exit 2; }
export PROGRAM=$1 SAME_BITS=$2 REFERENCE=$3
unset "${!SLURM_@}" "${!SBATCH_@}" "${!DESCRAMBLER_@}" DESCRAMBLER  # as a fresh login has it

missing() {
    [ "${CI:-}" = true ] || { echo "skipped: $1"; exit 77; }
    echo "missing: $1"
    exit 1
}
for command in slurmctld slurmd sbatch srun scontrol munged setpriv unshare ip; do
    PATH=$PATH:/usr/sbin:/sbin command -v $command >/dev/null || missing "no $command (packages slurm-wlm, munge, iproute2, util-linux)"
done
[ "$(id -u)" -eq 0 ] || missing "a cluster needs root"
export PATH=$PATH:/usr/sbin:/sbin

if [ "$4" = reference ]; then
    rm -rf "$REFERENCE"
    exec "$PROGRAM" study "$here/small.toml" --out "$REFERENCE" --threads 1 --quiet
fi
# the cluster dies with whoever runs this script
exec setpriv --pdeathsig KILL "$here/cluster.sh" 3 "$here/scenarios.sh" "${@:4}" </dev/null
