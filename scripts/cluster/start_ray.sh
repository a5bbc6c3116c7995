#!/usr/bin/env bash
# Ray by hand on N hosts: once as head, once on every other machine.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: start_ray.sh head [--port 6379] [ray start options ...]
       start_ray.sh worker HEAD_HOST:PORT [ray start options ...]
       start_ray.sh stop

Run it from the checkout, with `ray` on the PATH (source .venv/bin/activate), the same folder on every machine.
Then, on the head:  openqwq run RECIPE cluster.address=auto
TEXT
}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/environment.sh"
case "${1:-}" in
  head)
    shift
    port=6379
    if [[ "${1:-}" == --port ]]; then port=${2:?a port is missing}; shift 2; fi
    exec ray start --head --port="$port" --include-dashboard=false --disable-usage-stats "$@" ;;
  worker)
    address=${2:?the address of the head is missing: HOST:PORT}
    shift 2
    exec ray start --address="$address" --disable-usage-stats "$@" ;;
  stop) exec ray stop ;;
  -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac
