# What every machine of a run sets, sourced by the scripts beside it. A value that is set already is kept.
export RAY_USAGE_STATS_ENABLED="${RAY_USAGE_STATS_ENABLED:-0}"
# A lost machine is noticed within about five seconds; all machines must agree.
export RAY_health_check_initial_delay_ms="${RAY_health_check_initial_delay_ms:-1000}"
export RAY_health_check_period_ms="${RAY_health_check_period_ms:-1000}"
export RAY_health_check_timeout_ms="${RAY_health_check_timeout_ms:-3000}"
export RAY_health_check_failure_threshold="${RAY_health_check_failure_threshold:-3}"
# Ray listens on all interfaces: who has its token may run code on the machines. The token is RAY_AUTH_TOKEN, or the file
# RAY_AUTH_TOKEN_PATH, or ~/.ray/auth_token; all machines need the same.
export RAY_AUTH_MODE="${RAY_AUTH_MODE:-token}"
# Models and data sets on storage that all machines see, downloaded once.
# A token that `hf auth login` saved in the home folder stays valid.
if [[ -z "${HF_TOKEN_PATH:-}" && -f "${HF_HOME:-$HOME/.cache/huggingface}/token" ]]; then
  export HF_TOKEN_PATH="${HF_HOME:-$HOME/.cache/huggingface}/token"
fi
export HF_HOME="${HF_HOME:-$PWD/.cache/huggingface}"
export HF_HUB_DISABLE_TELEMETRY=1
export TOKENIZERS_PARALLELISM=false
# A collective that hangs ends with an error instead of waiting for ever.
export TORCH_NCCL_ASYNC_ERROR_HANDLING="${TORCH_NCCL_ASYNC_ERROR_HANDLING:-1}"
export NCCL_DEBUG="${NCCL_DEBUG:-WARN}"
# Set NCCL_SOCKET_IFNAME and NCCL_IB_HCA yourself where the first network found is not the fast one.
