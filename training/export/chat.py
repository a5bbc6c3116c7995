"""What a served model needs beside its weights: the trained chat template, read also from OpenAI's messages, how to
sample, and vLLM's options."""

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import GenerationConfig

from openqwq.training.export.conversations import CONVERSATIONS
from openqwq.training.models import stop_tokens
from openqwq.training.templates.codec import ChatCodec
from openqwq.training.templates.turns import TurnFormat
from openqwq.verifiers.chat_rendering import TemplateRefusal

OPENAI_PARTS = r"""{#- thinking and calls, which servers send apart, become the text as which they were trained -#}
{%- set told = namespace(messages=[]) -%}
{%- for message in messages -%}
    {%- set thought = message.reasoning_content or message.reasoning -%}
    {%- if message.tool_calls or thought -%}
        {%- set said = namespace(text=message.content or '') -%}
        {%- if thought -%}
            {%- set said.text = '<think>\n' + thought.strip() + '\n</think>\n\n' + said.text.lstrip('\n') -%}
        {%- endif -%}
        {%- for call in message.tool_calls or [] -%}
            {%- set asked = call.function or call -%}
            {%- set written = asked.arguments if asked.arguments is string else asked.arguments | tojson -%}
            {%- set said.text = said.text + ('\n' if said.text and not said.text.endswith('\n') else '') -%}
            {%- set said.text = said.text + '<tool_call>\n{"name": ' + (asked.name | tojson) + ', "arguments": ' -%}
            {%- set said.text = said.text + written + '}\n</tool_call>' -%}
        {%- endfor -%}
        {%- set told.messages = told.messages + [{'role': message.role, 'content': said.text}] -%}
    {%- else -%}
        {%- set told.messages = told.messages + [message] -%}
    {%- endif -%}
{%- endfor -%}
{%- set messages = told.messages -%}
"""
"""Stands before a template that renders tools, but no `tool_calls`. Messages that are texts it leaves as they are; what
the template does with earlier thinking, it does with this one."""
PROBE = "CALLPROBE"


def with_openai_parts(tokenizer: Any) -> bool:
    """Teach the tokenizer's template OpenAI's form of calls where it takes tools and not those; whether it was changed.
    What it renders of texts stays the same."""
    trained: str = tokenizer.chat_template
    if not isinstance(trained, str) or _shows_call(tokenizer) or not _shows_tools(tokenizer):
        return False
    before = _rendered_all(tokenizer)
    tokenizer.chat_template = OPENAI_PARTS + trained
    pairs = zip(before, _rendered_all(tokenizer), strict=True)
    if _shows_call(tokenizer) and all(old in (None, new) for old, new in pairs):
        return True
    tokenizer.chat_template = trained
    return False


def _shows_call(tokenizer: Any) -> bool:
    call = {"type": "function", "id": "c1", "function": {"name": PROBE, "arguments": {"x": 1}}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
    ]
    return PROBE in (_rendered(tokenizer, messages, ()) or "")


def _shows_tools(tokenizer: Any) -> bool:
    tool = {"type": "function", "function": {"name": PROBE, "parameters": {"type": "object", "properties": {}}}}
    return PROBE in (_rendered(tokenizer, [{"role": "user", "content": "?"}], [tool]) or "")


def _rendered_all(tokenizer: Any) -> list[str | None]:
    texts = [one for one in CONVERSATIONS if not any("tool_calls" in message for message in one.messages)]
    return [_rendered(tokenizer, one.messages, one.tools) for one in texts]


def _rendered(tokenizer: Any, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any]) -> str | None:
    """The text of a conversation; None where the template raises."""
    given = {"tools": list(tools)} if tools else {}
    try:
        return str(tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True, **given))
    except Exception:  # a template is a program: it raises whatever it likes
        return None


def recommended_sampling(old: GenerationConfig | None, tokenizer: Any, turns: TurnFormat) -> GenerationConfig:
    """QwQ's recommended sampling. Ends are those at which the trainer's engines stopped, the end of a turn among them;
    penalties that a base model was published with do not travel, since nothing was trained with them."""
    ends = stop_tokens(old, tokenizer, turns.end_token)
    return GenerationConfig(
        do_sample=True,
        temperature=0.6,
        top_p=0.95,
        top_k=40,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=ends if len(ends) > 1 else ends[0],
        pad_token_id=tokenizer.pad_token_id,
    )


def serve_options(codec: ChatCodec) -> list[str]:
    """Options of `vllm serve` that fit the template.

    Thinking that the prompt opens needs `deepseek_r1`, since the answer then holds its end only; `qwen3` takes answers
    with and without it. A tokenizer without these words as tokens gets no parser.
    """
    options = []
    if all(len(codec.renderer.encode(word)) == 1 for word in ("<think>", "</think>")):
        options += ["--reasoning-parser", "deepseek_r1" if codec.turns.opened else "qwen3"]
    if _shows_tools(codec.tokenizer) and _takes_answers(codec):
        options += ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    return options


def _takes_answers(codec: ChatCodec) -> bool:
    try:
        return bool(codec.answer_text([{"role": "tool", "content": PROBE}]))
    except TemplateRefusal:
        return False
