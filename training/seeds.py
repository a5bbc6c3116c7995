"""Seeds derived from names and numbers, so that a random choice depends on its purpose and on nothing else."""

import hashlib


def derive_seed(*parts: object) -> int:
    """A 63-bit seed from the parts, e.g. `derive_seed(run_seed, "stage1", step, prompt_id, index)`."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
