"""What batches spend, by formula: bytes on the driver and on each rank. Pure; held to runs in
tests/training/planning/test_terms.py."""


def batch_bytes(tokens: float, counted: float) -> float:
    """A batch that goes to the trainer: 8 bytes a token and 1 of the mask, 4 of the log-probability of what counts."""
    return 9 * tokens + 4 * counted


def micro_batch_bytes(tokens: float, counted: float) -> float:
    """Rows that are laid out: 16 bytes a token (id, position), 32 for each token that counts (source, target, place in
    the batch, sequence)."""
    return 16 * tokens + 32 * counted


def index_bytes(tokens: float, seen: float) -> float:
    """Where segments stand, for attention: 8 bytes for each token of the rows and for each that a sequence sees. `seen`
    counts a shared prompt once for each answer. Nothing has the size of a row squared."""
    return 8 * (tokens + seen)
