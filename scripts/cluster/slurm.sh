#!/usr/bin/env bash
# A recipe on Slurm: one Ray worker a node, the driver on the first. Submits itself; --print shows the job instead.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: slurm.sh --nodes N [--gpus-per-node 8] [--time 24:00:00] [--partition NAME] [--print] RECIPE [key=value ...]

Submits a job that starts Ray on N nodes and runs `openqwq run RECIPE cluster.address=auto`. The checkout and its .venv
must lie on storage that all nodes see. When the job ends before the run (time limit, lost driver), submit it again:
the run goes on from its newest checkpoint.
TEXT
}
nodes='' gpus=8 limit=24:00:00 partition='' only_print=0
while [[ $# -gt 0 ]]; do
  case "$1" in
    --nodes) nodes=${2:?}; shift 2 ;;
    --gpus-per-node) gpus=${2:?}; shift 2 ;;
    --time) limit=${2:?}; shift 2 ;;
    --partition) partition=${2:?}; shift 2 ;;
    --print) only_print=1; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) echo "slurm.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
    *) break ;;
  esac
done
if [[ ! "$nodes" =~ ^[1-9][0-9]*$ || $# -eq 0 ]]; then
  echo "slurm.sh: --nodes and a recipe are needed" >&2; usage >&2; exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
words=$(printf '%q ' "$@")
job=$(cat <<TEXT
#!/usr/bin/env bash
#SBATCH --job-name=openqwq
#SBATCH --nodes=$nodes
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=$gpus
#SBATCH --exclusive
#SBATCH --time=$limit
#SBATCH --signal=B:TERM@300
${partition:+#SBATCH --partition=$partition}
set -euo pipefail
cd $(printf '%q' "$root")
source .venv/bin/activate
source scripts/cluster/environment.sh
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
# TERM comes five minutes before the limit: the run finishes its step, saves, and this job can be submitted again
openqwq run $words cluster.address=auto &
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
if ((only_print)); then printf '%s\n' "$job"; else sbatch <<<"$job"; fi
