"""What a supervised stage spends, by formula, as TRL's trainers run it. Pure; held to runs in
tests/training/planning/test_terms.py.

R rows of a forward pass of one rank, all padded to the longest, W tokens.
"""

from math import gcd

from openqwq.training.backends.costs import Decoder, activation_bytes, kept_bytes, whole_bytes


def ranks_of(workers: int, batch_size: int) -> int:
    """Ranks that a stage takes: as many as divide its batch."""
    return gcd(workers, batch_size)


def rows_of(batch_size: int, ranks: int, micro_batch_rows: int | None) -> int:
    """Rows of one forward pass of a rank: its share of the batch, unless the recipe says fewer."""
    return micro_batch_rows or batch_size // ranks


def mask_bytes(rows: int, longest: float, item_bytes: int = 2) -> float:
    """Padded rows have a mask of [R, 1, W, W], a byte a pair, and a copy in the model's numbers as an addend of the
    scores: R W^2 (1 + b). A single row needs none."""
    return (1 + item_bytes) * rows * longest**2 if rows > 1 else 0.0


def state_bytes(parameters: float, is_half: bool = False) -> float:
    """In one process: float32 weights, gradients and Adam's two moments, 16 N; and copies of the weights in bfloat16
    where the passes compute in it, 2 N."""
    return (18 if is_half else 16) * parameters


def masks_kept_bytes(layers: int, rows: int, longest: float, item_bytes: int = 2) -> float:
    """Without recomputation every further layer keeps a copy of the mask: (L - 1) b R W^2."""
    return (layers - 1) * item_bytes * rows * longest**2 if rows > 1 else 0.0


def cpu_loss_bytes(counted: float, vocabulary: int) -> float:
    """One process on a CPU holds the logits of all learned tokens in float32, their log-softmax and their gradient, 12
    K V; on a GPU, and over ranks, TRL computes them in blocks."""
    return 12.0 * counted * vocabulary


def pass_bytes(
    shape: Decoder, rows: int, longest: float, recompute: bool, item_bytes: int = 2, loss: float = 0.0
) -> float:
    """Activations and masks of a forward and backward pass over the rows of one rank: what is kept, and the larger of a
    layer at work and the loss. A pair is two rows, padded to the longer one."""
    kept = (kept_bytes if recompute else whole_bytes)(shape, rows * longest, item_bytes)
    layer = activation_bytes(shape, rows * longest, recompute, item_bytes) - kept
    copies = 0.0 if recompute else masks_kept_bytes(shape.layers, rows, longest, item_bytes)
    return kept + max(layer, loss) + mask_bytes(rows, longest, item_bytes) + copies
