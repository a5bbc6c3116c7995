#!/usr/bin/env bash
# A recipe on Slurm: one Ray worker a node, the driver on the first. Submits itself; --print shows the job instead.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: slurm.sh --nodes N [options] RECIPE [key=value ...]

  --gpus-per-node 8   --time 24:00:00   --partition NAME   --account NAME   --qos NAME
  --lead N            seconds before the time limit at which the run is told to stop [cluster.stop_within, from the steps
                      of the run folder or else from the plan, and a minute in which it ends its workers]; where it is
                      given, cluster.stop_within follows it
  --jobs 1            jobs of one name, one after the other: each goes on from the newest checkpoint of the one before
  --log FILE          output of the job [slurm-%j.out]; %j is its number
  --run-dir DIR       run folder on shared storage [runs/RECIPE]; the same for every job
  --sbatch OPTION     one more line #SBATCH OPTION; may be repeated, for example --sbatch --constraint=h100
  --print             show the job instead of submitting it

Starts Ray on N nodes and runs `openqwq run RECIPE cluster.address=auto`. The checkout and its .venv must lie on storage
that all nodes see. A job that is preempted or that loses a node is put back in the queue by Slurm and goes on from the newest
checkpoint; for a run that is longer than one job, --jobs N queues as many.
TEXT
}
nodes='' gpus=8 limit=24:00:00 lead='' jobs=1 log='' folder='' only_print=0 lines=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --nodes) nodes=${2:?}; shift 2 ;;
    --gpus-per-node) gpus=${2:?}; shift 2 ;;
    --time) limit=${2:?}; shift 2 ;;
    --partition | --account | --qos) lines+=("$1=${2:?}"); shift 2 ;;
    --lead) lead=${2:?}; shift 2 ;;
    --jobs) jobs=${2:?}; shift 2 ;;
    --log) log=${2:?}; shift 2 ;;
    --run-dir) folder=${2:?}; shift 2 ;;
    --sbatch) lines+=("${2:?}"); shift 2 ;;
    --print) only_print=1; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) echo "slurm.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
    *) break ;;
  esac
done
for number in "$nodes" "$jobs" "${lead:-1}"; do
  if [[ ! "$number" =~ ^[1-9][0-9]*$ || $# -eq 0 ]]; then
    echo "slurm.sh: a recipe and --nodes are needed, and --nodes, --jobs and --lead are whole numbers" >&2; usage >&2; exit 2
  fi
done
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
source "$here/stop_bound.sh"
recipe=$(basename "$1" .yaml)
run_dir=${folder:-runs/$recipe}
within=$(said_bound "$@") follows=''
if [[ -n "$within" ]]; then
  bound=$(duration "$within")
  if [[ -z "$bound" ]]; then
    echo "slurm.sh: cluster.stop_within=$within is no duration, such as 90s, 30m, 1h30m" >&2; exit 2
  elif [[ -n "$lead" ]] && ((lead <= bound)); then
    echo "slurm.sh: --lead $lead is not longer than cluster.stop_within=$within, in which the run saves; raise --lead" >&2; exit 2
  fi
  lead=${lead:-$((bound + 60))}
elif [[ -n "$lead" ]]; then
  follows=" cluster.stop_within=$((lead > 120 ? lead - 60 : (lead + 1) / 2))s"
else # the run is given the number, so that its scheduler and it cannot disagree
  bound=$(PATH="$PATH:$root/.venv/bin" planned_bound "$([[ $run_dir == /* ]] || echo "$root/")$run_dir" "$@")
  lead=$((bound + 60)) follows=" cluster.stop_within=${bound}s"
fi
[[ -n "$log" ]] && lines+=("--output=$log")
words=$(printf '%q ' "$@" --run-dir "$run_dir")
job=$(cat <<TEXT
#!/usr/bin/env bash
#SBATCH --job-name=openqwq-$recipe
#SBATCH --nodes=$nodes
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=$gpus
#SBATCH --exclusive
#SBATCH --time=$limit
#SBATCH --signal=B:TERM@$lead
#SBATCH --requeue
#SBATCH --open-mode=append
$(((jobs > 1)) && echo "#SBATCH --dependency=singleton")
$( ((${#lines[@]})) && printf '#SBATCH %s\n' "${lines[@]}")
set -euo pipefail
cd $(printf '%q' "$root")
source .venv/bin/activate
source scripts/cluster/environment.sh
# A token of this job: srun hands it to every node.
export RAY_AUTH_TOKEN="\${RAY_AUTH_TOKEN:-\$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')}"
hosts=(\$(scontrol show hostnames "\$SLURM_JOB_NODELIST"))
head=\${hosts[0]}
port=\$((20000 + SLURM_JOB_ID % 20000))
srun --nodes=1 --ntasks=1 -w "\$head" ray start --head --block --port=\$port --include-dashboard=false --disable-usage-stats &
sleep 15
if (( SLURM_NNODES > 1 )); then
  srun --nodes=\$((SLURM_NNODES - 1)) --ntasks=\$((SLURM_NNODES - 1)) --exclude="\$head" \\
    ray start --block --address="\$head:\$port" --disable-usage-stats &
fi
for _ in \$(seq 60); do
  up=\$(python -c 'import ray; ray.init(address="auto", log_to_driver=False, logging_level="ERROR"); print(sum(n["Alive"] for n in ray.nodes()))' 2>/dev/null || echo 0)
  (( up >= SLURM_NNODES )) && break
  sleep 5
done
# TERM comes $lead s before the limit, and when the job is preempted: the run finishes its step, or saves in its middle
openqwq run $words cluster.address=auto$follows &
driver=\$!
trap 'kill -TERM \$driver' TERM
set +e
wait \$driver
status=\$?
if (( status > 128 )); then  # the signal ended the wait, not the run
  wait \$driver
  status=\$?
fi
exit \$status
TEXT
)
job=$(sed '/^$/d' <<<"$job")
if ((only_print)); then printf '%s\n' "$job"; exit 0; fi
for ((i = 0; i < jobs; i++)); do sbatch <<<"$job"; done
