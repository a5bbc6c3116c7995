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
            {%- set thought = ('' if thought.startswith('\n') else '\n') + thought -%}
            {%- set thought = '<think>' + thought + ('' if thought.endswith('\n') else '\n') + '</think>' -%}
            {%- set apart = '\n\n' if said.text and not said.text.startswith('\n') else '' -%}
            {%- set said.text = thought + apart + said.text -%}
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
the template does with earlier thinking, it does with this one. Line breaks that a server kept are not doubled."""
OPENAI_TOOLS = r"""{#- what a tool leaves out, servers fill with null; it was trained without -#}
{%- if tools -%}
    {%- set offered = namespace(tools=[]) -%}
    {%- for tool in tools -%}
        {%- set kept = dict(tool.items() | rejectattr(1, 'none')) if tool is mapping else tool -%}
        {%- if kept is mapping and kept.function is mapping -%}
            {%- set kept = dict(kept, function=dict(kept.function.items() | rejectattr(1, 'none'))) -%}
        {%- endif -%}
        {%- set offered.tools = offered.tools + [kept] -%}
    {%- endfor -%}
    {%- set tools = offered.tools -%}
{%- endif -%}
"""
"""Stands before a template that renders nulls of tools: vLLM writes `"description": null` where a tool has none."""
PROBE = "CALLPROBE"


def with_openai_parts(tokenizer: Any) -> bool:
    """Teach the tokenizer's template OpenAI's form of calls and tools, where it takes tools and not that form; whether
    it was changed. What it renders of texts stays the same."""
    trained: str = tokenizer.chat_template
    if not isinstance(trained, str) or not _shows_tools(tokenizer):
        return False
    wanted = {OPENAI_TOOLS: _leaves_nulls_out, OPENAI_PARTS: _shows_call}
    before = _rendered_all(tokenizer)
    for prologue, is_met in wanted.items():
        template = tokenizer.chat_template
        if is_met(tokenizer):
            continue
        tokenizer.chat_template = prologue + template
        pairs = zip(before, _rendered_all(tokenizer), strict=True)
        if not is_met(tokenizer) or any(old not in (None, new) for old, new in pairs):
            tokenizer.chat_template = template
    return bool(tokenizer.chat_template != trained)


def _shows_call(tokenizer: Any) -> bool:
    call = {"type": "function", "id": "c1", "function": {"name": PROBE, "arguments": {"x": 1}}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
    ]
    return PROBE in (_rendered(tokenizer, messages, ()) or "")


def _shows_tools(tokenizer: Any) -> bool:
    return PROBE in (_rendered(tokenizer, [{"role": "user", "content": "?"}], [_tool()]) or "")


def _leaves_nulls_out(tokenizer: Any) -> bool:
    """Whether a tool whose description is null is rendered as one without."""
    asked = [{"role": "user", "content": "?"}]
    return _rendered(tokenizer, asked, [_tool()]) == _rendered(tokenizer, asked, [_tool(description=None)])


def _tool(**more: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {}}
    return {"type": "function", "function": {"name": PROBE, **more, "parameters": parameters}}


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
