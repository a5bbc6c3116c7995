"""Calls in every format: what is read, in which order, and what is an error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.tool_calls import (
    FORMATS,
    MalformedCall,
    ParsedCall,
    check_arguments,
    implied_format,
    parse_tool_calls,
)
from tests.verifiers import call_writers as write
from tests.verifiers.call_writers import TOOLS, WRITERS

ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"x": 3},
    {"x": -12345678901234567890, "y": 0.5},
    {"y": 1e300, "b": False},
    {"s": "", "b": True},
    {"s": "plain"},
    {"s": "two\nlines\tand a tab"},
    {"s": 'say "hi" and it\'s \\ done'},
    {"s": "日本語 🚀 é"},
    {"s": "</tool_call>"},
    {"s": "a </think> b <think> c"},
    {"s": "</parameter> </function> <parameter>"},
    {"s": '<tool_call>{"name": "f"}</tool_call>'},
    {"s": "[TOOL_CALLS] [ARGS] <|python_tag|> <function=x>"},
    {"s": f"{write.CALLS_END}{write.CALL_END} ```json"},
    {"s": "{[()]} }{ ]["},
    {"s": "<tool_response> <|im_start|>user"},
    {"l": [], "o": {}},
    {"l": ["a", 1, None, True, [2.5]], "o": {"k": {"deep": ["</tool_call>", "</parameter>"]}}},
    {"n": "text", "s": "null", "x": 0},
    {"s": "true", "l": ["</think>"]},
]
OPEN, CLOSE = "<tool_call>", "</tool_call>"
KEY, VALUE, INVOKE = "<arg_key>", "<arg_value>", '<invoke name="f">'
PARAMETER = '<parameter name="x">1</parameter>'
SECTION, BODY = "<|tool_calls_section_begin|>", "<|message|>"


def kimi(body: str) -> str:
    return f"<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{body}<|tool_call_end|>"


EVERY = pytest.mark.parametrize("writer", WRITERS)


@EVERY
@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_what_was_written_is_read(writer: str, arguments: dict[str, Any]) -> None:
    form, written = WRITERS[writer]
    for calls in ([("f", arguments)], [("f", arguments), ("g.h", {}), ("f", {"x": 1})]):
        for thinking in ("", f"<think>perhaps {written([('f', {'x': 9})])}</think>\n\n"):
            parsed = parse_tool_calls(thinking + written(calls), form, TOOLS)
            assert (parsed.errors, parsed.attempt, parsed.text) == ((), "", "")
            assert parsed.calls == parsed.items == tuple(ParsedCall(*call) for call in calls)


@EVERY
def test_a_call_in_the_thinking_is_no_call_and_ends_no_thinking(writer: str) -> None:
    form, written = WRITERS[writer]
    draft = written([("f", {"s": "</think>"})])
    for thinking in (f"<think>{draft}", f"{draft}\n", f"a</think>{draft}"):
        turn = f"{thinking}</think>It is 4."
        parsed = parse_tool_calls(turn, form, TOOLS)
        assert (parsed.items, parsed.errors, parsed.text) == ((), (), "It is 4.")
    opened = parse_tool_calls(f"<think>{draft}", form, TOOLS)
    assert (opened.items, opened.is_thinking_closed) == ((), False)
    assert not parse_tool_calls(f"a</think>{draft}<think>", form, TOOLS).is_thinking_closed


@EVERY
@pytest.mark.parametrize("end", ["<|im_end|>", "<|eot_id|>", "<|eom_id|>\n", "</s>", "<｜end▁of▁sentence｜>", "\n \n"])
def test_the_end_of_a_turn_is_no_part_of_it(writer: str, end: str) -> None:
    form, written = WRITERS[writer]
    assert parse_tool_calls(written([("f", {"x": 1})]) + end, form, TOOLS).errors == ()


@EVERY
def test_a_call_in_another_format_is_an_attempt_and_no_call(writer: str) -> None:
    form, written = WRITERS[writer]
    text = written([("f", {"x": 1, "s": "a"})])
    for other in FORMATS:
        parsed = parse_tool_calls(text, other, TOOLS)
        if other != form and not (parsed.calls and {form, other} <= {"llama", "json"}):
            assert parsed.calls == (), other
            assert parsed.attempt or parsed.errors, other


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(WRITERS)), st.text(max_size=60))
def test_any_text_survives_as_an_argument(writer: str, text: str) -> None:
    form, written = WRITERS[writer]
    if writer == "qwen_xml" and ("</parameter>" in text or "<tool_call>" in text):
        return
    parsed = parse_tool_calls(written([("f", {"s": text})]), form, TOOLS)
    assert parsed.errors == () and [call.arguments for call in parsed.calls] == [{"s": text}]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FORMATS)), st.lists(st.sampled_from([
    "<tool_call>", "</tool_call>", "<think>", "</think>", '{"name": "f", "arguments": ', "{}", "}", "[", "]", '"',
    "f(x=1)", "<function=f>", "<parameter=x>", "</parameter>", "</function>", "1", "[TOOL_CALLS]", "[ARGS]", ",",
    "<|python_tag|>", write.CALLS_BEGIN, write.CALL_BEGIN, "f", write.SEP, write.CALL_END, write.CALLS_END, "\n",
    "\ud800", "```json\n", "<arg_key>x</arg_key>", "<arg_value>", "</arg_value>", SECTION, "<minimax:tool_call>",
    "<|tool_call_begin|>f:0", "<|tool_call_argument_begin|>", "<|tool_call_end|>", INVOKE, "</invoke>",
    '<parameter name="x">', "<|channel|>", "commentary", " to=functions.f", BODY, "<|call|>", "<|end|>", "analysis",
]), max_size=30))  # fmt: skip
def test_no_text_breaks_a_reader(form: str, pieces: list[str]) -> None:
    parsed = parse_tool_calls("".join(pieces), form, TOOLS)
    assert parsed.calls == tuple(item for item in parsed.items if isinstance(item, ParsedCall))
    assert all(isinstance(check_arguments(call, TOOLS), str) for call in parsed.calls)


BODIES = [
    ('{"x": 1, "x": 2}', "a key is given twice"),
    ('{"x": NaN}', "NaN is not JSON"),
    ('{"x": -Infinity}', "-Infinity is not JSON"),
    ('{"y": 1e400}', "beyond all numbers"),
    ('{"x": 1,}', ""),
    ("{'x': 1}", ""),
    ('{"s": "\\ud800"}', "half of a character"),
    ('{"s": "a\nb"}', "Invalid control character"),
    ('{"x": 01}', ""),
    ('{"x": ' + "9" * 5000 + "}", ""),
    ('{"l": ' + "[" * 10_000 + "]" * 10_000 + "}", "nested more than 64 deep"),
    ('{"l": ' + "[" * 70 + "]" * 70 + "}", "nested more than 64 deep"),
    ('{"x": 1', ""),
    ('{"x": 1}}', ""),
    ('"{\\"x\\": 1}"', "must be an object"),
    ("[1]", "must be an object"),
    ("null", "must be an object"),
    ("", ""),
]
AROUND = {
    "hermes": ('<tool_call>\n{"name": "f", "arguments": ', "}\n</tool_call>"),
    "llama": ("<function=f>", "</function>"),
    "mistral": ("[TOOL_CALLS]f[ARGS]", ""),
    "deepseek": (
        f"{write.CALLS_BEGIN}{write.CALL_BEGIN}function{write.SEP}f\n```json\n",
        f"\n```{write.CALL_END}{write.CALLS_END}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", AROUND)
@pytest.mark.parametrize(("body", "words"), BODIES)
def test_arguments_that_are_no_strict_json_are_an_error(form: str, body: str, words: str) -> None:
    before, after = AROUND[form]
    good = before + '{"x": 7}' + after
    parsed = parse_tool_calls(f"{before}{body}{after}\n{good}", form, TOOLS)
    assert isinstance(parsed.items[0], MalformedCall), parsed.items
    assert words in parsed.items[0].reason and len(parsed.items[0].reason) <= 200
    if form == "hermes":  # the next call is read, and stays behind the error
        assert parsed.items[-1] == ParsedCall("f", {"x": 7})


@pytest.mark.parametrize(
    ("form", "turn", "items"),
    [
        ("hermes", f'{OPEN}{{"name": "", "arguments": {{}}}}{CLOSE}', "!"),
        ("hermes", f'{OPEN}{{"name": "f", "arguments": {{}}}}{{"name": "f", "arguments": {{}}}}{CLOSE}', "!"),
        ("hermes", f'{OPEN}bad{CLOSE}{OPEN}{{"name": "f", "arguments": {{}}}}{CLOSE}{OPEN}', "!f!"),
        ("hermes", f'{OPEN}{{"name": "f", "arg {OPEN}{{"name": "f", "arguments": {{}}}}{CLOSE}', "!f"),
        ("hermes", f'{OPEN}{{"name": "f", "arguments": {{"s": "{CLOSE}"}}}}', "!"),
        ("hermes", f'{OPEN}[{{"name": "f", "arguments": {{}}}}]{CLOSE}', "!"),
        ("llama", '{"name": "f", "parameters": {}} Done.', "f!"),
        ("llama", 'Sure: {"name": "f", "parameters": {}}', ""),
        ("llama", '{"name": "f", "arguments": {}}', "f"),
        ("llama", '{"name": "f", "arguments": {}, "parameters": {}}', "!"),
        ("llama", '{"type": "function", "name": "f", "parameters": {}}\n{"name": "f", "parameters": {}}', "ff"),
        ("llama", '[{"name": "f", "parameters": {}}]', ""),
        ("llama", '<|python_tag|>[{"name": "f", "parameters": {}}]', "!"),
        ("llama", '{"answer": 4}', ""),
        ("llama", '{"name": "Rome", "population": 3}', ""),
        ("llama", '{"name": "f", "parameters": {"x": }}', "!"),
        ("llama", '<|python_tag|>f.call(s="a")', "f"),
        ("llama", "<|python_tag|>print(1)", "!"),
        ("llama", '<|python_tag|>{"answer": 1}', "!"),
        ("llama", "I call <function=f>{}</function> now", "f"),
        ("llama", "<function=f>{}", "!"),
        ("llama", "<function=f>{} and</function><function=f>{}</function>", "!f"),
        ("llama", "<function>{}</function>", "!"),
        ("mistral", "[TOOL_CALLS] []", "!"),
        ("mistral", '[TOOL_CALLS] {"name": "f", "arguments": {}}', "!"),
        ("mistral", '[TOOL_CALLS] [{"name": "f"}, {"name": "f", "arguments": {}, "id": "a"}]', "!f"),
        ("mistral", '[TOOL_CALLS] [{"name": "f", "arguments": {}}]]', "!"),
        ("mistral", "[THINK][TOOL_CALLS]f[ARGS]{}[/THINK][TOOL_CALLS]f[ARGS]{}", "f"),
        ("mistral", "f[ARGS]{}", "!"),
        ("mistral", "[TOOL_CALLS]f{}", "!"),
        ("mistral", "[TOOL_CALLS]f[ARGS]{} [TOOL_CALLS]f[ARGS]{", "f!"),
        ("deepseek", write.CALLS_BEGIN + write.CALLS_END, "!"),
        ("deepseek", f"{write.CALLS_BEGIN}{write.CALL_BEGIN}f{write.SEP}{{}}{write.CALL_END}", "f!"),
        ("deepseek", f"{write.CALL_BEGIN}f{write.SEP}{{}}{write.CALL_END}", "!"),
        (
            "deepseek",
            f"{write.CALLS_BEGIN}{write.CALL_BEGIN}f{write.SEP}{{x}}{write.CALL_END}"
            f"{write.CALL_BEGIN}f{write.SEP}{{}}{write.CALL_END}{write.CALLS_END}",
            "!f",
        ),
        (
            "deepseek",
            f"{write.CALLS_BEGIN}{write.CALL_BEGIN}function{write.SEP}{{}}{write.CALL_END}{write.CALLS_END}",
            "_",
        ),
        ("qwen_xml", f"{OPEN}<function=f><parameter=x>1</parameter></function>{CLOSE}", "f"),
        ("qwen_xml", f"{OPEN}<function=f><parameter=x>1</function>{CLOSE}", "!"),
        ("qwen_xml", f"{OPEN}<function=f><parameter=x>1</parameter>{CLOSE}", "!"),
        ("qwen_xml", f'{OPEN}{{"name": "f", "arguments": {{}}}}{CLOSE}', "!"),
        ("qwen_xml", f"{OPEN}<function=f>{'<parameter=x>1</parameter>' * 2}</function>{CLOSE}", "!"),
        ("qwen_xml", f"{OPEN}<function=f><parameter=s>a{OPEN}<function=f></function>{CLOSE}", "!f"),
        ("qwen_xml", "<function=f></function>", "!"),
        ("glm", f"{OPEN}f{CLOSE}", "f"),
        ("glm", f"{OPEN}f\n{KEY}x</arg_key>\n{VALUE}1</arg_value>\n{CLOSE}\n{OPEN}f{CLOSE}", "ff"),
        ("glm", f"{OPEN}{KEY}x</arg_key>{VALUE}1</arg_value>{CLOSE}", "!"),
        ("glm", f"{OPEN}f{KEY}x</arg_key>{VALUE}1</arg_value>", "!"),
        ("glm", f"{OPEN}f{KEY}x</arg_key>{CLOSE}", "!"),
        ("glm", f"{OPEN}f{f'{KEY}x</arg_key>{VALUE}1</arg_value>' * 2}{CLOSE}", "!"),
        ("glm", f"{OPEN}f{KEY}s</arg_key>{VALUE}a {OPEN}f{KEY}x</arg_key>{VALUE}1</arg_value>{CLOSE}", "!f"),
        ("glm", f'{OPEN}{{"name": "f", "arguments": {{}}}}{CLOSE}', "!"),
        ("glm", f"{OPEN}f x{CLOSE}", "!"),
        ("glm", f"{KEY}x</arg_key>", "!"),
        ("kimi", f"{SECTION}<|tool_calls_section_end|>", "!"),
        ("kimi", f"{SECTION}{kimi('{}')}{kimi('{x}')}{kimi('{}')}<|tool_calls_section_end|>", "f!f"),
        ("kimi", f"{SECTION}{kimi('{}')}", "f!"),
        ("kimi", kimi("{}"), "!"),
        ("kimi", f"{SECTION}<|tool_call_begin|>f<|tool_call_argument_begin|>{{}}<|tool_call_end|>", "!"),
        ("kimi", f"{SECTION}{kimi('[]')}<|tool_calls_section_end|>", "!"),
        ("minimax", "<minimax:tool_call></minimax:tool_call>", "!"),
        ("minimax", f"<minimax:tool_call>{INVOKE}</invoke>{INVOKE}</invoke></minimax:tool_call>", "ff"),
        ("minimax", f"<minimax:tool_call>{INVOKE}</invoke>", "f!"),
        ("minimax", f"<minimax:tool_call>{INVOKE}</minimax:tool_call>", "!"),
        ("minimax", f"<minimax:tool_call>{INVOKE}x</invoke>{INVOKE}</invoke></minimax:tool_call>", "!f"),
        ("minimax", f"<minimax:tool_call>{INVOKE}{PARAMETER}{PARAMETER}</invoke>", "!!"),
        ("minimax", f"{INVOKE}</invoke>", "!"),
        ("json", '{"name": "f", "arguments": {}}', "f"),
        ("json", '```json\n[{"name": "f", "arguments": {}}]\n```', "f"),
        ("json", '{"type": "function", "function": {"name": "f", "arguments": {}}}', "f"),
        ("json", '[{"name": "f", "arguments": "{}"}, {"name": "f", "arguments": {}}]', "!f"),
        ("json", '{"name": "f", "arguments": {}} is my call', "f!"),
        ("json", "[]", ""),
        ("json", "[1, 2]", ""),
        ("json", '[{"name": "f", "arguments": {}},]', "!"),
        ("python", "f(x=1)", "f"),
        ("python", "```python\n[f(x=1), f(x=2)]\n```", "ff"),
        ("python", "[f(1)]", "!"),
        ("python", "[f(x=1, x=2)]", "!"),
        ("python", "[f(**o)]", "!"),
        ("python", "[f(x=1), 2]", "!"),
        ("python", "[f(x=g(y=1))]", "!"),
        ("python", "[f(y=1e400)]", "!"),
        ("python", "[f(y=1j)]", "!"),
        ("python", "[f(o={1: 2})]", "!"),
        ("python", "[f(s='a)]", "!"),
        ("python", "[f(x=1)", "!"),
        ("python", "[f(l=" + "[" * 5000 + "]" * 5000 + ")]", "!"),
        ("python", "[f(x=1)] as asked", "f!"),
        ("python", "print(x=1)", ""),
        ("python", "[1, 2]", ""),
        ("python", "It is (4).", ""),
    ],
)  # fmt: skip
def test_calls_and_errors_keep_their_order(form: str, turn: str, items: str) -> None:
    parsed = parse_tool_calls(turn, form, TOOLS)
    found = "".join({"f": "f", "function": "_"}[i.name] if isinstance(i, ParsedCall) else "!" for i in parsed.items)
    assert found == items, parsed


@pytest.mark.parametrize(
    ("written", "key", "value"),
    [
        ("1", "x", 1), ("1.0", "x", 1.0), ("one", "x", "one"), ("1", "s", "1"), ("1", "y", 1), ("2.50", "y", 2.5),
        ("True", "b", True), ("false", "b", False), ("yes", "b", "yes"), ("null", "n", None), ("null", "s", "null"),
        ("[1, 2]", "l", [1, 2]), ("[1, 2", "l", "[1, 2"), ('{"a": 1}', "o", {"a": 1}), ('"a"', "s", '"a"'),
        ("NaN", "y", "NaN"), ("1e400", "y", "1e400"), ("  a ", "s", "  a "), ("12", "unknown", "12"), ("a", "n", "a"),
    ],
)  # fmt: skip
def test_a_value_in_xml_has_the_type_of_its_schema(written: str, key: str, value: object) -> None:
    turn = f"<tool_call>\n<function=f>\n<parameter={key}>\n{written}\n</parameter>\n</function>\n</tool_call>"
    (call,) = parse_tool_calls(turn, "qwen_xml", TOOLS).calls
    assert call.arguments == {key: value} and type(call.arguments[key]) is type(value)


@pytest.mark.parametrize(
    ("template", "form"),
    [
        ('{{ \'<tool_call>\\n{"name": "\' ~ call.name }}', "hermes"),
        ("{{ '<tool_call>\\n<function=' ~ name ~ '>' }} {{ '<parameter=' ~ key }}", "qwen_xml"),
        ("{{ '[TOOL_CALLS] [' }}", "mistral"),
        ("{{ '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>' + type }}", "deepseek"),
        ('Respond in the format {"name": function name, "parameters": arguments} {{ \'<|python_tag|>\' }}', "llama"),
        ("put it in the format of [func_name1(params_name1=params_value1), func_name2(params)]", "python"),
        ('answer with [{"name": "f", "arguments": {}}]', "json"),
        ('{{ \'{"name": "\' ~ name ~ \'", "description": "\' ~ said ~ \'", "parameters": \' }} <x:invoke', None),
        ("{% for m in messages %}{{ m.content }}{% endfor %}", None),
        ("{{ '<tool_call>' ~ name }}<arg_key>", "glm"),
        ("{{ '<|tool_calls_section_begin|>' }}", "kimi"),
        ("{%- set begin = '<minimax:tool_call>' -%}", "minimax"),
        ("{{ 'functions.' + name + '<|channel|>commentary ' }}", "harmony"),
        ("{{ '<｜DSML｜function_calls>' }}", None),
        (None, None),
        ({"default": "{{ m.content }}", "tool_use": "{{ '<tool_call>' }}"}, "hermes"),
    ],
)
def test_a_template_implies_its_format(template: object, form: str | None) -> None:
    assert implied_format(template) == form


def test_an_unknown_format_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match="no format of calls is named 'yaml'; there are hermes, llama"):
        parse_tool_calls("a", "yaml")


@pytest.mark.parametrize("form", FORMATS)
def test_a_turn_that_repeats_a_mark_is_read_in_linear_time(form: str) -> None:
    marks = [*FORMATS[form].marks, "</think>", "{", "[", '"', "f(", '{"name":', "<function=f><parameter=s>"]
    for mark in marks:  # minutes, were the rest searched from every mark
        for text in (mark * 30_000, f"</think>{mark}" * 20_000, f'{mark}["' * 20_000, f"{mark}f(" * 20_000):
            assert len(parse_tool_calls(text, form, TOOLS).items) <= 65
