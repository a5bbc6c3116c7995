#!/usr/bin/env bash
# Submit a recipe to a Ray cluster that is up already (`ray up CLUSTER.yaml`, or any other) as a Ray job.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: ray_job.sh --address http://HEAD:8265 [--print] RECIPE [key=value ...]

The cluster needs its dashboard (job server). This checkout travels as the working directory, without runs and caches. The
run folder lies in OPENQWQ_RUNS of the cluster's machines (default: runs/ of the job's own folder, which ends with the job).
A file for `ray up` only needs these lines beside your provider's:
  setup_commands: ["pip install openqwq[train]"]
  head_start_ray_commands: ["ray stop", "source scripts/cluster/environment.sh; ray start --head --port=6379 --dashboard-host=0.0.0.0"]
  worker_start_ray_commands: ["ray stop", "source scripts/cluster/environment.sh; ray start --address=$RAY_HEAD_IP:6379"]
TEXT
}
address='' only_print=0
while [[ $# -gt 0 ]]; do
  case "$1" in
    --address) address=${2:?}; shift 2 ;;
    --print) only_print=1; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) echo "ray_job.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
    *) break ;;
  esac
done
if [[ -z "$address" || $# -eq 0 ]]; then
  echo "ray_job.sh: --address and a recipe are needed" >&2; usage >&2; exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
environment='{"excludes": ["/runs", "/.venv", "/.cache", "/.git", "/build", "/dist"], "env_vars": {"RAY_USAGE_STATS_ENABLED": "0"}}'
command=(ray job submit --address "$address" --working-dir "$root" --runtime-env-json "$environment" --
  python -m openqwq.training.cli run "$@" cluster.address=auto)
if ((only_print)); then printf '%q ' "${command[@]}"; echo; else exec "${command[@]}"; fi
