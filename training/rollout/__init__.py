"""The engine contract, the engines `hf` and `vllm`, conversations and environments. Know nothing of rewards and
updates."""
