"""Train the 640-token byte-level BPE tokenizer with Qwen's pre-tokenizer, special tokens and chat form."""

from __future__ import annotations

import argparse
import itertools
import json
import random
from pathlib import Path

from corpus import documents
from problem import CALCULATOR, assistant_turns
from tasks import DOMAINS, KINDS, draw
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent
VOCABULARY_SIZE = 640
# Qwen2's pattern: words with their leading blank, single digits, runs of punctuation, newlines.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# Added but not special, as in Qwen: they stay in the text when special tokens are skipped.
MARKERS = (
    "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>",
)  # fmt: skip


def training_texts(seed: int, count: int) -> list[str]:
    """Base documents, demonstrations and tool descriptions, so that all of them are short in tokens."""
    rng = random.Random(seed)
    texts = list(itertools.islice(documents(rng), count))
    for _ in range(count):
        kind = rng.choice([kind for kinds in DOMAINS.values() for kind in kinds if kind in KINDS])
        problem = draw(kind, rng, "train")
        texts += [turn["content"] for turn in assistant_turns(problem.draw_solution(rng, 0.5))]
    return texts + [f"system\nuser\nassistant\n<tools>\n{json.dumps(CALCULATOR)}\n</tools>"] * (count // 20)


def build_tokenizer(seed: int = 0, count: int = 4000) -> PreTrainedTokenizerFast:
    """Train on generated text; the same arguments give the same tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    added = [AddedToken(token, special=True, normalized=False) for token in SPECIAL]
    added += [AddedToken(token, special=False, normalized=False) for token in MARKERS]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - len(added),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = training_texts(seed, count)
    for marker in (*SPECIAL, *MARKERS):
        texts = [text.replace(marker, " ") for text in texts]
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens(added)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=(HERE / "chat_template.jinja").read_text(encoding="utf-8"),
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE.parents[1] / "data" / "tiny" / "base")
    arguments = parser.parse_args()
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(arguments.out)
    print(f"{len(tokenizer)} tokens in {arguments.out}")


if __name__ == "__main__":
    main()
