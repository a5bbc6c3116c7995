"""What sampling spends, by formula: bytes of an engine's KV cache, of the draw, and of finished samples. Pure; held to
runs in tests/training/planning/test_terms.py."""


def cache_bytes_per_token(layers: int, kv_heads: int, head_width: int, item_bytes: int = 2) -> int:
    """Keys and values of one token: 2 b L K d."""
    return 2 * item_bytes * layers * kv_heads * head_width


def closed_cache_tokens(rows: int, longest_prompt: int, most_new: int) -> int:
    """Tokens for which the `hf` engine makes room: each row as long as the longest prompt and the most new tokens."""
    return rows * (longest_prompt + most_new)


def shared_cache_tokens(prompt: float, mean: float, group_size: int) -> float:
    """Tokens in a cache with shared prefixes for one sample of a group: its own, and its share of the prompt."""
    return mean + prompt / group_size


def draw_bytes(rows: int, vocabulary: int, is_scaled: bool = False, cut_rows: int = 0) -> float:
    """One draw beyond the logits: weights of every word in float32, at another temperature than 1 the scaled logits as
    well; for rows with top-p or top-k a copy of their weights."""
    return 4.0 * vocabulary * (rows * (2 if is_scaled else 1) + cut_rows)


def rollout_bytes(tokens: float) -> float:
    """A finished sample in memory: token (a reference of 8 bytes, a number of 32), log-probability (8 and 24), and the
    mask (8), which Python keeps as objects: 80 bytes a token."""
    return 80.0 * tokens
