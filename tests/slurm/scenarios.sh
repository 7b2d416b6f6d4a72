#!/usr/bin/env bash
# scenarios.sh NAME, inside cluster.sh: submits the job scripts of slurm/ as a user does, lets something happen to the jobs, and
# compares what they leave with the reference, bit for bit. Environment: PROGRAM, SAME_BITS, REFERENCE.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
config=$here/small.toml
mkdir "$CLUSTER/work"
cd "$CLUSTER/work" || exit 1
ln -s "$here/../../slurm" slurm  # submitted from the root of the repository, or what looks like it
export DESCRAMBLER=$PROGRAM DESCRAMBLER_PROFILE=$here/../../slurm/site.profile.example

# ---- tools ------------------------------------------------------------------------------------------------------------
give_up() {
    echo "FAILED: $1"
    scontrol --oneliner show job | cut -c 1-400
    sinfo --Node
    tail -n 25 -- *.out
    tail -n 15 "$CLUSTER/log/slurmctld.log"
    exit 1
}
field() { scontrol --oneliner show job "$1" | grep -oE "(^| )$2=[^ ]*" | head -n 1 | cut -d = -f 2; }
# until SECONDS COMMAND...: the limit only ends what hangs
until_true() {
    local seconds=$1
    shift
    local end=$((SECONDS + seconds))
    until "$@"; do
        [ $SECONDS -lt $end ] || give_up "not within $seconds s: $*"
        sleep 0.1
    done
}
in_state() { [[ $(field "$1" JobState) =~ ^($2)$ ]]; }
ended() { in_state "$1" 'COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL'; }
check() { "$@" || give_up "$*"; }
says() { grep -qE -- "$2" "$1"; }
is() { [ "$1" = "$2" ] || { echo "$1 is not $2"; return 1; }; }
same_study() { "$SAME_BITS" "$REFERENCE/study.h5" "$1/study.h5"; }

submit() { sbatch --parsable --cpus-per-task=1 "$@" || give_up "sbatch $*"; }
# One process of the next job stands still once a file matches the pattern (see paused); until_paused gives its job.
pause_at() { export PAUSED=$PWD/paused.$RANDOM CHECKPOINTS=$PWD/$1; }
until_paused() {
    until_true 60 [ -s "$PAUSED" ]
    job=$(cat "$PAUSED")
    check in_state "$job" RUNNING
}
# paused_study OUT [options of sbatch]: a study that stands still after its first checkpoint
paused_study() {
    out=$1
    shift
    pause_at "$out/members/000.h5"
    DESCRAMBLER=$here/paused submit "$@" slurm/study.sbatch "$config" "$out" >/dev/null
    until_paused
}
# what must hold for a job that was interrupted and went on
completes_with_same_bits() {
    until_true 120 ended "$job"
    check in_state "$job" COMPLETED
    check [ "$(field "$job" Restarts)" -ge 1 ]
    check says "study-$job.out" "start job=$job restart=1"
    check same_study "$out"
}

# ---- scenarios --------------------------------------------------------------------------------------------------------
# The members in a job array, one task told to stop on the way, then the reduction.
array() {
    pause_at 'out/members/00[01].h5'
    array=$(DESCRAMBLER=$here/paused submit --array=0-2%2 slurm/study-array.sbatch "$config" out)
    reduce=$(submit --dependency=afterany:"$array" slurm/reduce.sbatch "$config" out)
    until_paused
    check scancel --batch --signal=USR1 "$job"
    until_true 120 ended "$reduce"
    for task in 0 1 2; do check in_state "${array}_$task" COMPLETED; done
    check is "$(field "$job" Restarts)" 1
    check in_state "$reduce" COMPLETED
    check same_study out
}

# USR1, as --signal sends it: checkpoint, requeue, the same bits.
signal() {
    paused_study out
    check scancel --batch --signal=USR1 "$job"
    completes_with_same_bits
    check says "study-$job.out" "step ended with 85"
}

if ! declare -F "${1:-}" >/dev/null; then
    echo "scenarios.sh: no scenario '${1:-}'" >&2
    exit 2
fi
"$1"
echo "$1: passed ($SECONDS s, $CLUSTER_KIND)"
