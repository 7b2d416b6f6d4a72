#!/usr/bin/env bash
# scenarios.sh NAME..., inside cluster.sh: submits the job scripts of slurm/ as a user does, lets something happen to the jobs, and
# compares what they leave with the reference, bit for bit. Each scenario has a folder of its own, and a cluster without jobs
# whose hosts are all idle: one that leaves something else behind (but for host_loss) has failed. Environment: PROGRAM, SAME_BITS, REFERENCE.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
config=$here/small.toml
export DESCRAMBLER=$PROGRAM DESCRAMBLER_PROFILE=$here/../../slurm/site.profile.example

# ---- tools ------------------------------------------------------------------------------------------------------------
give_up() {
    echo "FAILED: $scenario: $1" | tee -a "$CLUSTER/failures"
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
says_not() { ! says "$@"; }
is() { [ "$1" = "$2" ] || { echo "$1 is not $2"; return 1; }; }
same_study() { "$SAME_BITS" "$REFERENCE/study.h5" "$1/study.h5"; }

submit() { sbatch --parsable --cpus-per-task=1 "$@" || give_up "sbatch $*"; }
four_ranks=(--nodes=2 --ntasks-per-node=2)
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
    DESCRAMBLER=$here/paused submit "${four_ranks[@]}" "$@" slurm/study.sbatch "$config" "$out" >/dev/null
    until_paused
}
# what must hold for a job that was interrupted and went on
goes_on() {
    until_true 120 ended "$job"
    check in_state "$job" COMPLETED
    check [ "$(field "$job" Restarts)" -ge 1 ]
    check says "$1-$job.out" "start job=$job restart=1"
}
completes_with_same_bits() {
    goes_on study
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

# The last task to start has the id of the array: told to stop, it alone is requeued.
last_task() {
    pause_at 'out/members/002.h5'
    array=$(DESCRAMBLER=$here/paused submit --array=0-1%1 slurm/study-array.sbatch "$config" out)
    until_paused
    check is "$job" "$array"
    check scancel --batch --signal=USR1 "$job"
    until_true 120 says "study-array-${array}_1.out" 'restart=1'
    until_true 120 ended "${array}_1"
    for task in 0 1; do
        check in_state "${array}_$task" COMPLETED
        check is "$(field "${array}_$task" Restarts)" $task
    done
}

# Which part a task is must not depend on which others were submitted.
parts() {
    array=$(submit --array=1,3 slurm/study-array.sbatch "$config" out)
    until_true 60 ended "${array}_3"
    until_true 60 ended "${array}_1"
    for task in 1 3; do
        check in_state "${array}_$task" FAILED
        check says "study-array-${array}_$task.out" 'DESCRAMBLER_PARTS'
    done
    check [ ! -e out ]
    array=$(DESCRAMBLER_PARTS=3 submit --array=3 slurm/study-array.sbatch "$config" out)
    until_true 60 ended "${array}_3"
    check says "study-array-${array}_3.out" 'task 3, expected less than 3'
}

# USR1, as --signal sends it: checkpoint, requeue, the same bits.
signal() {
    paused_study out
    check scancel --batch --signal=USR1 "$job"
    check scancel --batch --signal=USR1 "$job"  # the script waits on
    completes_with_same_bits
    check says "study-$job.out" "tasks? 0.*: Exited with exit code 85"
}

# The reduction trusts neither exit codes nor job states: it names the members that are not there, for whatever reason.
failing() {
    mkdir -p out/members
    cp "$REFERENCE"/members/* out/members
    rm out/members/001.h5
    # part 1 of 4 fails for good: its loss becomes infinite
    array=$(DESCRAMBLER_PARTS=4 submit --array=1 slurm/study-array.sbatch "$config" out --set training.rate=10 \
        --set network.activation=relu --set network.output_activation=identity \
        --set 'network.hidden=[16,16,16,16,16,16,16,16,16,16,16,16]')
    reduce=$(submit --dependency=afterany:"$array" slurm/reduce.sbatch "$config" out)
    until_true 60 ended "$reduce"
    check in_state "${array}_1" FAILED
    check says "study-array-${array}_1.out" 'member 001: the loss is not finite'
    check in_state "$reduce" FAILED
    check says "reduce-$reduce.out" 'members not ready; 001: '
    check says_not "reduce-$reduce.out" '(000|002|shuffled_000): '
    check [ ! -e out/study.h5 ]

    # one file damaged, one lost
    cp "$REFERENCE"/members/* out/members
    printf 'x' | dd of=out/members/000.h5 bs=1 seek=20000 conv=notrunc status=none
    rm out/members/shuffled_000.h5
    reduce=$(submit slurm/reduce.sbatch "$config" out)
    until_true 60 ended "$reduce"
    check in_state "$reduce" FAILED
    check says "reduce-$reduce.out" '000: .*checksum'
    check says "reduce-$reduce.out" 'shuffled_000: missing'
    check [ ! -e out/study.h5 ]

    # trained again, by the parts that have them, the study is whole
    export DESCRAMBLER_PARTS=4
    array=$(submit --array=0,3 slurm/study-array.sbatch "$config" out)
    reduce=$(submit --dependency=afterany:"$array" slurm/reduce.sbatch "$config" out)
    until_true 60 ended "$reduce"
    check in_state "$reduce" COMPLETED
    check same_study out
}

# The time limit comes: Slurm itself sends USR1. It may come up to 30 s early and meets every run of the job.
time_limit() {
    paused_study out --time=1 --signal=B:USR1@50
    completes_with_same_bits
    check says "study-$job.out" 'got USR1'
}

# A more urgent job takes all hosts: Slurm sends TERM and requeues.
preemption() {
    paused_study out
    urgent=$(submit --partition=urgent --nodes=3 --exclusive --wrap 'sleep 1')
    until_true 60 ended "$urgent"
    check in_state "$urgent" COMPLETED
    completes_with_same_bits
    check says "study-$job.out" 'PREEMPTION'
}

# scancel: a checkpoint, but no requeue. Submitted again, the study goes on.
cancel() {
    paused_study out
    check scancel "$job"
    until_true 60 ended "$job"
    until_true 60 says "study-$job.out" 'no requeue'
    check in_state "$job" CANCELLED
    check is "$(field "$job" Restarts)" 0
    check [ ! -e out/study.h5 ]
    job=$(submit "${four_ranks[@]}" slurm/study.sbatch "$config" out)
    until_true 60 ended "$job"
    check in_state "$job" COMPLETED
    check same_study out
}

# No end of restarts: after the last one the job ends with 85.
restarts() {
    export DESCRAMBLER_RESTARTS=0
    paused_study out
    check scancel --batch --signal=USR1 "$job"
    until_true 60 ended "$job"
    check in_state "$job" FAILED
    check is "$(field "$job" ExitCode)" 85:0
    check is "$(field "$job" Restarts)" 0
    check says "study-$job.out" 'no requeue after 0 restarts'
}

# The death of one rank is the end of the job: the others do not wait for it. Submitted again, the study goes on from its
# checkpoints.
killed_rank() {
    paused_study out
    check kill -KILL "$(pgrep -f "^$PROGRAM study .* --out out " | tail -n 1)"
    until_true 60 ended "$job"
    check in_state "$job" FAILED
    check is "$(field "$job" Restarts)" 0
    job=$(submit "${four_ranks[@]}" slurm/study.sbatch "$config" out)
    until_true 60 ended "$job"
    check in_state "$job" COMPLETED
    check same_study out
}

# A host dies: Slurm requeues the job on others, the study goes on there. Slurm takes half a minute to notice; the ranks that are
# left stand still meanwhile. Where they notice first the job fails, to be submitted again as after the death of a rank.
host_loss() {
    paused_study out
    pgrep -f "^$PROGRAM study .* --out out " | xargs kill -STOP
    lost=$(scontrol show hostnames "$(field "$job" NodeList)" | tail -n 1)
    host_down "$lost"
    until_true 180 says "study-$job.out" 'restart=1'
    [ "$CLUSTER_KIND" != namespaces ] || check is "$(sinfo --noheader --nodes="$lost" --format=%t | tr -d '*')" down
    completes_with_same_bits
    [ "$CLUSTER_KIND" != namespaces ] || check [ "$(scontrol show hostnames "$(field "$job" NodeList)" | grep -cx "$lost")" -eq 0 ]
    check says "$CLUSTER/log/slurmctld.log" "requeue job JobId=$job due to failure of node $lost"
}

# A Gram matrix over a library, told to stop on the way: a checkpoint of every rank, requeue, the same bits as one process gives.
gram() {
    pause_at 'out.h5.parts/*'
    request=("$REFERENCE/study.h5" --inputs deer:2000000 --layer 1 --network 0)
    DESCRAMBLER=$here/paused submit "${four_ranks[@]}" slurm/gram.sbatch "${request[0]}" out.h5 "${request[@]:1}" \
        --checkpoint-seconds 0.2 >/dev/null
    until_paused
    check "$PROGRAM" gram "${request[@]}" --out direct.h5 --quiet
    check scancel --batch --signal=USR1 "$job"
    until_true 60 says "gram-$job.out" 'step ended with 85'
    check [ -n "$(ls -A out.h5.parts)" ]
    check [ ! -e out.h5 ]
    goes_on gram
    check "$SAME_BITS" direct.h5 out.h5
    check [ ! -e out.h5.parts ]
}

# Every row of an operator, told to stop on the way: parts, requeue, the same bytes as one process gives.
operator() {
    python3 "$here/../tools/onnx_net.py" . 40 64  # seconds of work: it is not over before one process stands still
    pause_at 'out.h5.parts/*.part'
    request=(net.onnx --input x.npy --all rows)
    DESCRAMBLER=$here/paused submit "${four_ranks[@]}" slurm/interpret.sbatch "${request[0]}" out.h5 "${request[@]:1}" >/dev/null
    until_paused
    check "$PROGRAM" interpret "${request[@]}" --out direct.h5 --quiet
    check scancel --batch --signal=USR1 "$job"
    until_true 60 says "interpret-$job.out" 'step ended with 85'
    check [ -n "$(ls -A out.h5.parts)" ]
    check [ ! -e out.h5 ]
    goes_on interpret
    check cmp direct.h5 out.h5
    check [ ! -e out.h5.parts ]
}

# What the ranks are given: cores, threads and one GPU each. The program is one that only tells, so there is no study: a step that
# ends with 0 and leaves nothing (as after a failed launch) is a failure.
ranks() {
    # shellcheck disable=SC2016  # for the shell of the step
    printf '#!/bin/sh\necho "rank $SLURM_PROCID on $SLURMD_NODENAME cpus $SLURM_CPUS_PER_TASK threads $OMP_NUM_THREADS gpu $CUDA_VISIBLE_DEVICES: $*"\nscontrol -o show step $SLURM_JOB_ID.0\n' >tell
    chmod +x tell
    # a profile as sites have them: it reads what is not set
    { cat "$DESCRAMBLER_PROFILE"; echo "gpu_options=(--gpus-per-task=1); site=\$NOT_SET_HERE"; } >profile
    mkdir out && echo 'of an earlier job' >out/study.h5
    export DESCRAMBLER=$PWD/tell DESCRAMBLER_PROFILE=$PWD/profile
    job=$(submit --nodes=2 --ntasks-per-node=2 --gpus-per-node=2 slurm/study.sbatch "$config" out --seed 5)
    until_true 60 ended "$job"
    check in_state "$job" FAILED
    check says "study-$job.out" 'ended with 0, but there is no new out/study.h5'
    for rank in 0 1 2 3; do
        check says "study-$job.out" "rank $rank on n$((rank / 2 + 1)) cpus 1 threads 1 gpu $((rank % 2)): study .* --threads 1 .*--seed 5"
    done
    # every rank sees all devices of its host
    { cat "$DESCRAMBLER_PROFILE"; echo 'gpu_options=(--gpu-bind=none)'; } >profile.none
    export DESCRAMBLER_PROFILE=$PWD/profile.none
    job=$(sbatch --parsable --nodes=1 --ntasks-per-node=1 --cpus-per-task=2 --gpus-per-node=2 slurm/study.sbatch "$config" out)
    until_true 60 ended "$job"
    check says "study-$job.out" 'TresPerStep=cpu:2'  # srun was told, it does not inherit
    check says "study-$job.out" 'rank 0 on n1 cpus 2 threads 2 gpu 0,1: study .* --threads 2'
}

# The benchmarks, where they are built: a file of the right form, on all cores of the node.
bench() {
    if [ ! -x "$(dirname "$PROGRAM")/descrambler_bench" ]; then
        [ "${CI:-}" != true ] || give_up "descrambler_bench is not built"
        echo "skipped: descrambler_bench is not built"
        exit 77
    fi
    job=$(sbatch --parsable slurm/bench.sbatch out.json --benchmark_filter='gemm<float>/80/' --benchmark_repetitions=1 --benchmark_min_time=0.01)
    until_true 120 ended "$job"
    check in_state "$job" COMPLETED
    check says out.json '"kernel"'
    check says out.json '"threads": 2'
}

# ---- all that were asked for -------------------------------------------------------------------------------------------
idle() {
    [ -z "$(squeue --noheader)" ] &&
        [ "$(sinfo --noheader --Node --partition=test --states=idle --format=%N | wc -l)" -eq "$hosts" ]
}
settled() {
    local end=$((SECONDS + $1))
    until idle; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

hosts=$(sinfo --noheader --Node --partition=test --format=%N | wc -l)
failed=() skipped=()
for scenario in "$@"; do
    if ! declare -F "$scenario" >/dev/null; then
        echo "scenarios.sh: no scenario '$scenario'" >&2
        exit 2
    fi
    start=$SECONDS
    mkdir "$CLUSTER/work.$scenario"
    (
        cd "$CLUSTER/work.$scenario" || exit 1
        ln -s "$here/../../slurm" slurm  # submitted from the root of the repository, or what looks like it
        "$scenario"
    )
    status=$?
    if [ $status -eq 0 ] && [ "$scenario" != host_loss ] && ! settled 60; then
        (cd "$CLUSTER/work.$scenario" && give_up 'left jobs or hosts that are not idle behind')
        status=1
    fi
    case $status in
    0) echo "$scenario: passed ($((SECONDS - start)) s, $CLUSTER_KIND)" ;;
    77) skipped+=("$scenario") ;;
    *)
        failed+=("$scenario")
        scancel --user=root
        settled 60 || { echo "FAILED: the cluster does not recover from $scenario"; break; }
        ;;
    esac
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "FAILED: ${failed[*]}"
    cat "$CLUSTER/failures"
    exit 1
fi
[ ${#skipped[@]} -lt $# ] || exit 77
