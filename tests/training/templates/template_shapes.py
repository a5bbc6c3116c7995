"""Small own tokenizers and chat templates with the shapes of published ones: how turns begin and end, what is opened,
what happens to thinking, tools and tool answers. The texts are written for these tests."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

TAGS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")


def chatml(assistant: str, default: str = "", tool: str = "user", opening: str = "") -> str:
    """A ChatML template. `assistant`: Jinja that sets `said` from `m.content`; `opening`: ends the prompt."""
    return (
        "{%- set ns = namespace(last=-1) %}{%- for m in messages %}{%- if m.role == 'user' %}"
        "{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}"
        "{%- if tools %}<|im_start|>system\n"
        "{%- if messages[0].role == 'system' %}{{ '\n' + messages[0].content }}{%- endif %}"
        "\n# Tools{%- for t in tools %}{{ '\n' + (t | tojson) }}{%- endfor %}<|im_end|>\n"
        "{%- elif messages[0].role == 'system' %}{{ '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}"
        + (f"{{%- else %}}<|im_start|>system\n{default}<|im_end|>\n" if default else "")
        + "{%- endif %}{%- for m in messages %}{%- if m.role == 'user' or (m.role == 'system' and not loop.first) %}"
        "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
        "{%- elif m.role == 'assistant' %}" + assistant + "{{ '<|im_start|>assistant\n' + said + '<|im_end|>\n' }}"
        "{%- elif m.role == 'tool' %}{%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}"
        "<|im_start|>" + tool + "{%- endif %}{{ '\n<tool_response>\n' + m.content + '\n</tool_response>' }}"
        "{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}<|im_end|>\n{%- endif %}"
        "{%- endif %}{%- endfor %}{%- if add_generation_prompt %}"
        "{{ '<|im_start|>assistant\n" + opening + "' }}{%- endif %}"
    )  # fmt: skip


VERBATIM = "{%- set said = m.content %}"
STRIPPED = (  # QwQ: thinking of turns before the last is left out
    "{%- set said = m.content %}{%- if not loop.last %}"
    "{%- set said = m.content.split('</think>')[-1].lstrip('\n') %}{%- endif %}"
)
SINCE_USER = (  # Qwen3: thinking since the last user message is kept and written anew; the last turn always has a block
    "{%- set thought = '' %}{%- set said = m.content %}{%- if '</think>' in m.content %}"
    "{%- set thought = m.content.split('</think>')[0].split('<think>')[-1].strip('\n') %}"
    "{%- set said = m.content.split('</think>')[-1].lstrip('\n') %}{%- endif %}"
    "{%- if loop.index0 > ns.last and (loop.last or thought) %}"
    "{%- set said = '<think>\n' + thought + '\n</think>\n\n' + said %}{%- endif %}"
)

LLAMA = (
    "{{ bos_token }}{%- if messages[0].role == 'system' %}{%- set s = messages[0].content | trim %}"
    "{%- set rest = messages[1:] %}{%- else %}{%- set s = '' %}{%- set rest = messages %}{%- endif %}"
    "<|start_header_id|>system<|end_header_id|>\n\n{{ s }}<|eot_id|>"
    "{%- for m in rest %}{%- if m.role == 'tool' %}"
    "{{ '<|start_header_id|>ipython<|end_header_id|>\n\n' + (m.content | tojson) + '<|eot_id|>' }}"
    "{%- else %}{%- if tools and loop.first %}{%- for t in tools %}{{ t | tojson }}{%- endfor %}{%- endif %}"
    "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + (m.content | trim) + '<|eot_id|>' }}{%- endif %}"
    "{%- endfor %}{%- if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
LLAMA = LLAMA.replace("<|end_header_id|>\n\n{% endif", "<|end_header_id|>{{ '\n\n' }}{% endif")
R1 = (
    "{{ bos_token }}{%- set ns = namespace(tool=false) %}{%- for m in messages %}"
    "{%- if m.role == 'system' %}{{ m.content }}{%- elif m.role == 'user' %}{%- set ns.tool = false %}"
    "{{ '<｜User｜>' + m.content }}"
    "{%- elif m.role == 'assistant' %}{%- if ns.tool %}{{ '<｜outputs▁end｜>' + m.content + eos_token }}"
    "{%- set ns.tool = false %}{%- else %}{{ '<｜Assistant｜>' + m.content.split('</think>')[-1] + eos_token }}"
    "{%- endif %}{%- elif m.role == 'tool' %}{%- if not ns.tool %}<｜outputs▁begin｜>{%- endif %}"
    "{%- set ns.tool = true %}{{ '<｜output▁begin｜>' + m.content + '<｜output▁end｜>' }}{%- endif %}{%- endfor %}"
    "{%- if ns.tool %}<｜outputs▁end｜>{%- elif add_generation_prompt %}{{ '<｜Assistant｜><think>\n' }}{%- endif %}"
)
GEMMA = (
    "{{ bos_token }}{%- if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{%- endif %}"
    "{%- for m in messages %}{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{%- endif %}"
    "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + (m.content | trim) + "
    "'<end_of_turn>\n' }}{%- endfor %}{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{%- endif %}"
)
MISTRAL = (
    "{{ bos_token }}{%- for m in messages %}{%- if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{%- elif m.role == 'assistant' %}{{ ' ' + m.content + eos_token }}"
    "{%- elif m.role == 'tool' %}{%- if m.tool_call_id is not defined %}"
    "{{ raise_exception('tool call ids have 9 letters') }}{%- endif %}"
    "{{ '[TOOL_RESULTS]' + m.content + '[/TOOL_RESULTS]' }}{%- else %}{{ raise_exception('only user roles') }}"
    "{%- endif %}{%- endfor %}"
)
PHI = (
    "{%- for m in messages %}{%- if m.role in ('system', 'user', 'assistant') %}"
    "{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{%- else %}{{ eos_token }}{%- endif %}"
)
GLM = (
    "[gMASK]<sop>{%- for m in messages %}{{ ('<|observation|>' if m.role == 'tool' else '<|' + m.role + '|>') "
    "+ '\n' + m.content }}{%- endfor %}{%- if add_generation_prompt %}<|assistant|>{{ '\n' }}{%- endif %}"
)


@dataclass(frozen=True)
class Shape:
    """A template with the tokens of its tokenizer."""

    template: str
    eos: str
    controls: tuple[str, ...] = ()
    bos: str | None = None
    tags: tuple[str, ...] = TAGS
    is_sentencepiece: bool = False
    refused: dict[str, str] = field(default_factory=dict)
    """Kind of chat -> words of its refusal."""


IM = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
HEADERS = ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
BARS = ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜outputs▁begin｜>",
        "<｜outputs▁end｜>", "<｜output▁begin｜>", "<｜output▁end｜>")  # fmt: skip
NO_IDS = {kind: "tool call ids" for kind in ("one answer", "several answers")}
DROPPED = {kind: "leaves out the answer" for kind in ("one answer", "several answers")}
ALTERNATE = {kind: "roles must alternate" for kind in ("one answer", "several answers")}
SHAPES = {
    "qwen2.5_base": Shape(chatml(VERBATIM, "You help."), "<|endoftext|>", IM),
    "qwen2.5_instruct": Shape(chatml(VERBATIM, "You help."), "<|im_end|>", IM),
    "qwq": Shape(chatml(STRIPPED, opening="<think>\\n"), "<|im_end|>", IM),
    "qwen3": Shape(chatml(SINCE_USER), "<|im_end|>", IM),
    "qwen3_2507_thinking": Shape(chatml(SINCE_USER, opening="<think>\\n"), "<|im_end|>", IM),
    "qwen3_2507_instruct": Shape(chatml(VERBATIM), "<|im_end|>", IM),
    "qwen3.5": Shape(chatml(SINCE_USER, tool="tool", opening="<think>\\n"), "<|im_end|>", IM),
    "smollm2": Shape(chatml(VERBATIM, "You are SmolLM."), "<|im_end|>", IM, tags=()),
    "llama3.1": Shape(LLAMA, "<|eot_id|>", HEADERS, bos="<|begin_of_text|>", tags=()),
    "r1_distill": Shape(R1, BARS[1], BARS, bos=BARS[0], tags=("<think>", "</think>")),
    "gemma": Shape(GEMMA, "<eos>", ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"), bos="<bos>", tags=(),
                   is_sentencepiece=True, refused={"system": "no system role", **ALTERNATE}),
    "mistral": Shape(MISTRAL, "</s>", ("<s>", "</s>", "[INST]", "[/INST]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
                     bos="<s>", tags=(), is_sentencepiece=True,
                     refused={"system": "only user roles", **NO_IDS}),
    "phi3": Shape(PHI, "<|endoftext|>", ("<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
                  tags=(), refused=DROPPED),
    "glm": Shape(GLM, "<|endoftext|>", ("<|endoftext|>", "[gMASK]", "<sop>", "<|user|>", "<|assistant|>",
                                        "<|observation|>", "<|system|>"),
                 refused=dict.fromkeys(("single", "system", "tools", "history", "one answer", "several answers"),
                                       "no control token")),
}  # fmt: skip


@lru_cache(maxsize=32)
def tokenizer_of(name: str) -> Any:
    """The small tokenizer of a shape: byte-level, or with `▁` for blanks and bytes for what it does not know."""
    shape = SHAPES[name]
    raw = _sentencepiece() if shape.is_sentencepiece else _byte_level()
    raw.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in shape.controls])
    raw.add_tokens([AddedToken(word, special=False, normalized=False) for word in shape.tags])
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token=shape.eos, bos_token=shape.bos, chat_template=shape.template,
        clean_up_tokenization_spaces=False,
    )  # fmt: skip


def _texts() -> list[str]:
    words = ("the answer is", "system", "user", "assistant", "tool", "thought", "said", "what plus two", "so I know")
    rng = random.Random(0)
    return [" ".join(rng.choices(words, k=12)) + ".\n\n" for _ in range(300)]


def _byte_level() -> Tokenizer:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        _texts(), trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    )
    return raw


def _sentencepiece() -> Tokenizer:
    raw = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True))
    raw.normalizer = normalizers.Replace(" ", "▁")
    known = [f"<0x{byte:02X}>" for byte in range(256)]
    raw.train_from_iterator(_texts(), trainers.BpeTrainer(vocab_size=600, special_tokens=known, show_progress=False))
    state = json.loads(raw.to_str())["model"]  # anew, because the trainer has made the bytes special
    merges = [tuple(pair) for pair in state["merges"]]
    bare = Tokenizer(models.BPE(vocab=state["vocab"], merges=merges, byte_fallback=True, fuse_unk=True))
    bare.normalizer = raw.normalizer
    bare.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return bare
