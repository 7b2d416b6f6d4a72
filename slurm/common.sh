# shellcheck shell=bash
# What the job scripts share. They source it as
#   . "${DESCRAMBLER_HOME:-$SLURM_SUBMIT_DIR}/slurm/common.sh"
# because sbatch runs a copy of the script in its spool folder: submit from the root of the repository, or export
# DESCRAMBLER_HOME. Settings come from slurm/site.profile (see site.profile.example), or the file DESCRAMBLER_PROFILE.
set -uo pipefail

log() { echo "[$(date '+%F %T')] $*"; }
fail() { log "$1"; exit "${2:-1}"; }

home=${DESCRAMBLER_HOME:-$SLURM_SUBMIT_DIR}
srun_options=(--cpu-bind=cores)
gpu_options=()
profile=${DESCRAMBLER_PROFILE:-$home/slurm/site.profile}
if [ -f "$profile" ]; then
    set +u  # modules and settings of a site know nothing of it
    # shellcheck source=site.profile.example
    . "$profile"
    set -u
elif [ -n "${DESCRAMBLER_PROFILE:-}" ]; then
    fail "DESCRAMBLER_PROFILE=$DESCRAMBLER_PROFILE: no such file" 2
fi
program=${DESCRAMBLER:-$home/build/descrambler}
[ -x "$program" ] || fail "no program at $program: build it, or set DESCRAMBLER" 2
# The id of one task of an array may be that of the whole array: Slurm would requeue all of it.
job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID:-}}
job=${job:-$SLURM_JOB_ID}
threads=${SLURM_CPUS_PER_TASK:-1}
export OMP_NUM_THREADS=$threads
log "start job=$SLURM_JOB_ID${SLURM_ARRAY_TASK_ID:+ task=$SLURM_ARRAY_TASK_ID} restart=${SLURM_RESTART_COUNT:-0}" \
    "nodes=$SLURM_JOB_NODELIST tasks=${SLURM_NTASKS:-1} threads=$threads"

# A signal asks the job step for a checkpoint. Bash runs a trap only while it waits, hence the loop in job_step. srun passes
# USR1 on to every rank; on TERM it would end the step itself, so both go on as USR1, which the program takes alike.
step='' stop=''
ask_to_stop() {
    log "got $1: asking for a checkpoint"
    stop=$1
    [ -z "$step" ] || kill -USR1 "$step" 2>/dev/null || true
}
trap 'ask_to_stop USR1' USR1
trap 'ask_to_stop TERM' TERM

# job_step COMMAND...: one job step over all tasks of the job; its exit code is returned.
job_step() {
    local code
    [ -z "$stop" ] || return 85
    # srun does not inherit --cpus-per-task any more (Slurm 22.05 and later)
    # (an empty array is unset to bash before 4.4)
    srun ${srun_options[@]+"${srun_options[@]}"} ${gpu_options[@]+"${gpu_options[@]}"} --kill-on-bad-exit=1 --cpus-per-task="$threads" "$@" &
    step=$!
    while kill -0 "$step" 2>/dev/null; do wait "$step"; done  # wait returns early at each trapped signal
    wait "$step"
    code=$?
    step=''
    # USR1 met the step before its handler stood: nothing ran, so nothing is lost
    [ -z "$stop" ] || [ "$code" -ne 138 ] || code=85
    log "step ended with $code"
    return "$code"
}

# expect RESULT: after success there must be such a file, and another one than now: an srun whose launch failed may end with
# 0 too, and an earlier job may have left its result.
result='' before=''
identity() { stat -c '%i %y %s' "$1" 2>/dev/null || true; }
expect() {
    result=$1
    before=$(identity "$result")
}

# finish CODE: requeue after a checkpoint (85), otherwise end with CODE.
finish() {
    local code=$1 most=${DESCRAMBLER_RESTARTS:-100}
    if [ "$code" -eq 0 ] && [ -n "$result" ]; then
        if [ ! -s "$result" ] || [ "$(identity "$result")" = "$before" ]; then
            fail "the step ended with 0, but there is no new $result"
        fi
    fi
    [ "$code" -eq 85 ] || exit "$code"
    # Only a running job asks for its requeue: a cancelled one wants to end, and after preemption or the loss of a node Slurm
    # has done it.
    if ! scontrol --oneliner show job "$job" | grep -q 'JobState=RUNNING'; then
        log "checkpointed; the job is no longer running, no requeue"
    elif [ "${SLURM_RESTART_COUNT:-0}" -ge "$most" ]; then
        log "checkpointed; no requeue after $most restarts (DESCRAMBLER_RESTARTS); submit again to go on"
    else
        trap '' TERM
        log "checkpointed, requeue"
        scontrol requeue "$job" || log "requeue refused; submit again to go on"
    fi
    exit 85
}
