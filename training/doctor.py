"""What this machine has and what a run would use."""


def examine() -> int:
    return 0
