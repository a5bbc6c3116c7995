"""Which text of an answer is the program, and how it joins the prompt that it continues."""

from __future__ import annotations

import pytest

from openqwq.verifiers.code_tests import joined, program_text

FENCED = "```python\na = 1\n```"


@pytest.mark.parametrize(
    ("response", "program"),
    [
        (FENCED, "a = 1\n"),
        (f"<think>{FENCED}</think>b = 2", "b = 2\n"),
        (f"<think>x</think>{FENCED}", "a = 1\n"),
        (f"<think>x</think>y</think>{FENCED}", "a = 1\n"),
        (f"Here:\n{FENCED}\nIt prints\n```\n1\n```", "a = 1\n"),
        ("```\na = 1\n```", "a = 1\n"),
        ("```py\na = 1\n```\n```python3\nb = 2\n```", "b = 2\n"),
        ("a = 1", "a = 1\n"),
        ("\n \n\t\n  a = 1\n  b = 2 \n\n", "  a = 1\n  b = 2\n"),
        ("```js\nlet a\n```", "```js\nlet a\n```\n"),
    ],
)
def test_the_program_is_the_last_python_block_after_the_thinking_or_all_the_text(response: str, program: str) -> None:
    assert program_text(response) == program


@pytest.mark.parametrize("code", ["b = 2", "def f(x):\n    return x * x", "def f(x):\n    return x * x\n"])
@pytest.mark.parametrize("language", ["python", ""])
def test_code_whose_fence_never_closes_was_cut_off_and_is_not_graded(code: str, language: str) -> None:
    assert program_text(f"{FENCED}\nBetter:\n```{language}\n{code}") == "a = 1\n"
    with pytest.raises(SyntaxError):
        compile(program_text(f"```{language}\n{code}"), "answer", "exec")


PROMPT = "import math\n\ndef f(x):\n    '''Square.'''\n"


@pytest.mark.parametrize(
    ("code", "entry_point", "is_anew"),
    [
        ("    return x * x", "f", False),
        ("def f(x):\n    return x * x", "f", True),
        ("import re\ndef f(x):\n    return x * x", "f", True),
        ("async def f(x): return x", "f", True),
        ("class f: pass", "f", True),
        ("f = abs", "f", True),
        ("f=abs", "f", True),
        ("    def f(y): return y\n    return f(x)", "f", False),
        ("    f = 1\n    return x", "f", False),
        ("def ff(x): return x", "f", False),
        ("def g(x): return x", "f", False),
        ("def g(x): return x", None, True),
        ("    return x", None, False),
        ("def fx(x): return x", "f.", False),
    ],
)
def test_a_completion_continues_the_prompt_or_writes_the_function_anew(
    code: str, entry_point: str | None, is_anew: bool
) -> None:
    wanted = f"{PROMPT.rstrip()}\n    pass\n\n\n{code}" if is_anew else PROMPT + code
    assert joined(PROMPT, code, entry_point) == wanted
