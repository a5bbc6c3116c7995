"""The engine contract, the engines `hf` and `vllm`, conversations and environments. Independent of rewards and
updates."""
