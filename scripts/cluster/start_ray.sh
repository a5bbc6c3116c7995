#!/usr/bin/env bash
# Ray by hand on N hosts: once as head, once on every other machine.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: start_ray.sh head [--port 6379] [ray start options ...]
       start_ray.sh worker HEAD_HOST:PORT [ray start options ...]
       start_ray.sh stop

Run it from the checkout, with `ray` on the PATH (source .venv/bin/activate), the same folder on every machine.
All machines need one token: RAY_AUTH_TOKEN, or the file RAY_AUTH_TOKEN_PATH [~/.ray/auth_token], which the head writes
where it is missing. Where home folders are not shared, copy the head's file to every machine.
Then, on the head:  openqwq run RECIPE cluster.address=auto
TEXT
}
token_file=${RAY_AUTH_TOKEN_PATH:-$HOME/.ray/auth_token}
has_token() { [[ $RAY_AUTH_MODE != token || -n "${RAY_AUTH_TOKEN:-}" || -s "$token_file" ]]; }
refuse() { echo "start_ray.sh: $1" >&2; exit 1; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/environment.sh"
case "${1:-}" in
  head)
    shift
    port=6379
    if [[ "${1:-}" == --port ]]; then port=${2:?a port is missing}; shift 2; fi
    if ! has_token; then
      mkdir -p "$(dirname "$token_file")"
      (umask 077; od -An -tx1 -N32 /dev/urandom | tr -d ' \n' >"$token_file")
      echo "start_ray.sh: wrote a token to $token_file; machines that do not share this folder need a copy of it" >&2
    fi
    exec ray start --head --port="$port" --include-dashboard=false --disable-usage-stats "$@" ;;
  worker)
    address=${2:?the address of the head is missing: HOST:PORT}
    shift 2
    has_token || refuse "$token_file is missing; copy it from the machine of the head ($address), or set RAY_AUTH_TOKEN"
    [[ "$address" =~ ^.+:[0-9]+$ ]] || refuse "the address of the head is HOST:PORT, got $address"
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' _ "${address%:*}" "${address##*:}" 2>/dev/null ||
      refuse "nothing answers at $address; start the head there first: start_ray.sh head"
    if ! said=$(timeout 60 ray health-check --address "$address" 2>&1); then
      case "$said" in
        *InvalidAuthToken*) refuse "the Ray at $address has another token than this machine; copy the head's file to $token_file" ;;
        *) refuse "no Ray answers at $address: $(tail -n 1 <<<"$said")" ;;
      esac
    fi
    exec ray start --address="$address" --disable-usage-stats "$@" ;;
  stop) exec ray stop ;;
  -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac
