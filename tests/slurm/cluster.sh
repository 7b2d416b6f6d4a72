#!/usr/bin/env bash
# cluster.sh HOSTS COMMAND...: COMMAND inside a throw-away Slurm cluster of hosts n1, n2, ...
#
# munge, slurmctld and one slurmd a host, with their state in a fresh folder under ${TMPDIR:-/tmp}. Where it is allowed every
# host is a set of namespaces of its own (network, processes, host name), and so is the whole: nothing outside is touched.
# Otherwise, or with CLUSTER_ONE_HOST=1, the hosts are several slurmd on the loopback device. Needs root either way.
# Whatever ends this script, even KILL, ends the cluster and removes its folder (CLUSTER_KEEP=1 keeps it, for the logs).
#
# COMMAND sees SLURM_CONF, CLUSTER (the folder, which all hosts share), CLUSTER_KIND (namespaces or one-host) and, if it is
# bash, host_down nK (in namespaces: all its processes die at once; else Slurm is told that it is down) and host_up nK.
# Exit code: that of COMMAND; 2 wrong use, 3 the cluster did not come up.
set -u

# ---- outside: a folder, something that removes it, and the namespaces -------------------------------------------------
if [ -z "${CLUSTER_INSIDE:-}" ]; then
    [ $# -ge 2 ] || { sed -n 2p "$0" >&2; exit 2; }
    CLUSTER=$(mktemp -d "${TMPDIR:-/tmp}/slurm.XXXXXX") || exit 2
    # sockets have names of at most 107 characters
    [ ${#CLUSTER} -le 60 ] || { echo "cluster: $CLUSTER is too long a name, set TMPDIR" >&2; rmdir "$CLUSTER"; exit 2; }
    export CLUSTER
    # shellcheck disable=SC2016
    setsid --fork bash -c '
        while kill -0 "$1" 2>/dev/null; do sleep 0.2; done
        [ -z "${CLUSTER_KEEP:-}" ] || echo "cluster: $CLUSTER is kept" >&2
        for attempt in 1 2 3 4 5; do
            for process in /proc/[0-9]*; do  # whoever has a file of the cluster open (nobody, after namespaces)
                [ "${process#/proc/}" = $$ ] || ! readlink "$process"/fd/* 2>/dev/null | grep -q "^$CLUSTER/" ||
                    kill -KILL "${process#/proc/}" 2>/dev/null
            done
            [ -n "${CLUSTER_KEEP:-}" ] || rm -rf "$CLUSTER" 2>/dev/null
            sleep 0.2
        done' reaper $$ </dev/null >/dev/null 2>&1
    namespaces=(unshare --net --mount --uts --pid --ipc --fork --mount-proc --kill-child)
    CLUSTER_INSIDE=1 CLUSTER_KIND=one-host
    if [ -z "${CLUSTER_ONE_HOST:-}" ] && "${namespaces[@]}" ip link add probe type bridge 2>/dev/null; then
        CLUSTER_KIND=namespaces
    else
        namespaces=()
    fi
    export CLUSTER_INSIDE CLUSTER_KIND
    setpriv --pdeathsig KILL "${namespaces[@]}" bash "$0" "$@" <&0 &
    child=$!
    trap 'kill -KILL $child 2>/dev/null; exit 130' INT TERM HUP
    wait $child
    exit
fi

# ---- inside: configuration ---------------------------------------------------------------------------------------------
unset CLUSTER_INSIDE
hosts=$1
shift
mkdir -p "$CLUSTER"/{munge,log,run,state,dev,tmp}
chmod 711 "$CLUSTER" "$CLUSTER/munge"
export TMPDIR=$CLUSTER/tmp SLURM_CONF=$CLUSTER/slurm.conf
controller=ctl
ports=SlurmctldPort=6817
if [ "$CLUSTER_KIND" = namespaces ]; then
    hostname ctl
    ip link set lo up
    mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns
    ip link add bridge0 type bridge && ip addr add 10.77.0.254/24 dev bridge0 && ip link set bridge0 up || exit 3
    { echo "127.0.0.1 localhost"; echo "10.77.0.254 ctl"; for i in $(seq "$hosts"); do echo "10.77.0.$i n$i"; done; } >"$CLUSTER/hosts"
    mount --bind "$CLUSTER/hosts" /etc/hosts
else
    controller="$(hostname -s)(127.0.0.1)"
    base=$((20000 + $$ % 10000))  # other clusters of this machine use other ports, most likely
    ports=SlurmctldPort=$base
fi
: >"$CLUSTER/plugstack.conf"
echo CgroupPlugin=cgroup/v1 >"$CLUSTER/cgroup.conf"
# shellcheck disable=SC2016  # for the shell of the job
# Open MPI keeps its shared memory apart by host name, which is the same for all where there is one host
printf '#!/bin/sh\necho "export TMPDIR=%s/tmp.$SLURMD_NODENAME"\necho "export OMPI_MCA_btl_vader_backing_directory=%s/tmp.$SLURMD_NODENAME"\n' \
    "$CLUSTER" "$CLUSTER" >"$CLUSTER/prolog"
chmod 755 "$CLUSTER/prolog"
gpus=''
if mknod "$CLUSTER/dev/nvidia0" c 1 3 2>/dev/null && mknod "$CLUSTER/dev/nvidia1" c 1 3; then
    # make-believe GPUs: Slurm wants character devices, these are copies of /dev/null
    printf 'AutoDetect=off\nNodeName=n[1-%s] Name=gpu File=%s/dev/nvidia[0-1]\n' "$hosts" "$CLUSTER" >"$CLUSTER/gres.conf"
    gpus=' Gres=gpu:2'
fi
{
    cat <<CONF
ClusterName=test
SlurmctldHost=$controller
$ports
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# a requeued job waits until its credential has expired: two minutes by default
AuthInfo=socket=$CLUSTER/munge/socket,cred_expire=6
StateSaveLocation=$CLUSTER/state
SlurmctldPidFile=$CLUSTER/run/slurmctld.pid
SlurmctldLogFile=$CLUSTER/log/slurmctld.log
SlurmdPidFile=$CLUSTER/run/slurmd.%n.pid
SlurmdLogFile=$CLUSTER/log/slurmd.%n.log
SlurmdSpoolDir=$CLUSTER/run/spool.%n
TmpFS=$CLUSTER/tmp.%n
TaskProlog=$CLUSTER/prolog
PlugStackConfig=$CLUSTER/plugstack.conf
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2,requeue_delay=1
MpiDefault=pmix
ReturnToService=2
SlurmdTimeout=6
InactiveLimit=0
KillWait=5
MinJobAge=600
JobRequeue=1
MailProg=/bin/true
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=2 PreemptMode=OFF
CONF
    [ -z "$gpus" ] || echo GresTypes=gpu
    for i in $(seq "$hosts"); do
        where=''
        [ "$CLUSTER_KIND" = namespaces ] || where=" NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((base + i))"
        echo "NodeName=n$i$where CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 RealMemory=1000$gpus State=UNKNOWN"
    done
} >"$SLURM_CONF"

# ---- daemons: in the foreground, children of this shell, so that they die with it --------------------------------------
host_up() {
    local host=$1 i=${1#n}
    rm -rf "$CLUSTER/tmp.$host"  # an old folder of PMIx would break the next step
    mkdir -p "$CLUSTER/tmp.$host" "$CLUSTER/run/spool.$host"
    if [ "$CLUSTER_KIND" != namespaces ]; then
        [ ! -e "$CLUSTER/run/$host" ] || { scontrol update nodename="$host" state=resume 2>/dev/null; return 0; }
        setpriv --pdeathsig KILL slurmd -D -N "$host" </dev/null >"$CLUSTER/log/start.$host" 2>&1 &
        echo $! >"$CLUSTER/run/$host"
        return
    fi
    ip link del "veth$i" 2>/dev/null
    ip netns del "$host" 2>/dev/null
    ip netns add "$host" && ip link add "veth$i" type veth peer name eth0 netns "$host" && ip link set "veth$i" master bridge0 up
    ip -n "$host" link set lo up
    ip -n "$host" addr add "10.77.0.$i/24" dev eth0
    ip -n "$host" link set eth0 up
    # shellcheck disable=SC2016
    ip netns exec "$host" unshare --mount --uts --pid --ipc --fork --mount-proc --kill-child bash -c \
        'hostname "$1" && mount --bind "$CLUSTER/hosts" /etc/hosts && mount -t tmpfs tmpfs /dev/shm && exec slurmd -D -N "$1"' \
        host "$host" </dev/null >"$CLUSTER/log/start.$host" 2>&1 &
    echo $! >"$CLUSTER/run/$host"
}
# shellcheck disable=SC2317  # called by COMMAND
host_down() {
    if [ "$CLUSTER_KIND" = namespaces ]; then
        kill -KILL "$(cat "$CLUSTER/run/$1")"
    else
        scontrol update nodename="$1" state=down reason=test
    fi
}
export -f host_up host_down

(umask 077 && head -c 1024 /dev/urandom >"$CLUSTER/munge/key")
setpriv --pdeathsig KILL munged --foreground --force --key-file="$CLUSTER/munge/key" --socket="$CLUSTER/munge/socket" \
    --pid-file="$CLUSTER/munge/pid" --log-file="$CLUSTER/munge/log" --seed-file="$CLUSTER/munge/seed" \
    </dev/null >"$CLUSTER/log/start.munged" 2>&1 &
for _ in $(seq 100); do [ -S "$CLUSTER/munge/socket" ] && break; sleep 0.1; done
setpriv --pdeathsig KILL slurmctld -D -c </dev/null >"$CLUSTER/log/start.slurmctld" 2>&1 &
for i in $(seq "$hosts"); do host_up "n$i"; done
up=''
for _ in $(seq 200); do
    [ "$(sinfo --noheader --Node --partition=test --states=idle --format=%N 2>/dev/null | wc -l)" = "$hosts" ] && { up=1; break; }
    sleep 0.1
done
if [ -z "$up" ]; then
    echo "cluster: not all of $hosts hosts ($CLUSTER_KIND) came up" >&2
    { sinfo --Node; tail -n 5 "$CLUSTER"/log/*; } >&2 2>&1
    exit 3
fi
disown -a  # nothing to say about daemons that end
setpriv --pdeathsig KILL "$@"
exit $?  # in namespaces this is process 1, whose end is the end of all
