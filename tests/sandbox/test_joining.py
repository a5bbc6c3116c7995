"""How the text that a program continues is joined with it, and which statements of the text are finished."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.sandbox.inside.joining import finished, joined

IMPORTS = "import math\nfrom typing import *\n\n"
DOCUMENTED = 'from math import prod\n\ndef helper(x):\n    return x\n\ndef f(x):\n    """x times x"""\n'
STARTER = "class Solution:\n    def f(self, x: int) -> int:\n        "
COMMENTED = "class Solution:\n\tdef f (self, x):\n\t\t# code here"
WHOLE = "def f(x):\n    return x * x\n"
METHOD = "class Solution:\n    def f(self, x):\n        return x * x\n"


def names(prompt: str, code: str, entry_point: str = "f") -> dict[str, Any]:
    """The names after a run as in the jail: the head first, its errors aside."""
    head, program, flags = joined(prompt.encode(), code.encode(), entry_point)
    found: dict[str, Any] = {}
    if head is not None:
        try:
            exec(head, found)
        except Exception as problem:
            found["problem"] = problem
    exec(compile(program, "main.py", "exec", flags, dont_inherit=True), found)
    return found


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        (IMPORTS, "def f(x: List) -> int:\n    return int(math.pow(x, 2))\n"),
        (IMPORTS, "from __future__ import annotations\ndef f(x: Unknown):\n    return x * x\n"),
        ("from __future__ import annotations\n", "def f(x: Unknown):\n    return x * x\n"),
        (DOCUMENTED, "    return prod([x, helper(x)])\n"),
        (DOCUMENTED, "    return prod([x, helper(x)])\n\ndef other():\n    pass\n"),
        (DOCUMENTED, "return prod([x, helper(x)])"),
        (DOCUMENTED, "y = helper(x)\nif y:\n    y *= x\nreturn y\n"),
        (DOCUMENTED, "def f(x):\n    return prod([x, helper(x)])\n"),
        (DOCUMENTED, "import math\n\n\ndef f(x):\n    return x * helper(x)\n"),
        (DOCUMENTED, "f = lambda x: x * helper(x)\n"),
        (DOCUMENTED, "try:\n    import absent\nexcept ImportError:\n    def f(x):\n        return x * x\n"),
        ("def f(x):", "    y = x\n    return x * y"),
        ("def f(x):", " return x * x"),
        ("def f(x):\n    ", "    y = x\n    return x * y\n"),
        ("def f(x):\n    ", "return x * x"),
        ("", WHOLE),
        ("this is no Python (", WHOLE),
        ("import absent_module\n", WHOLE),
    ],
)
def test_a_text_and_an_answer_are_one_program(prompt: str, code: str) -> None:
    assert names(prompt, code)["f"](3) == 9


@pytest.mark.parametrize("prompt", [STARTER, COMMENTED, STARTER.rstrip(), STARTER + "pass\n", f"{IMPORTS}{STARTER}"])
@pytest.mark.parametrize("code", [METHOD, f"from typing import List\n\n{METHOD}"])
@pytest.mark.parametrize("entry_point", ["f", "Solution.f", "Solution().f", ""])
def test_a_whole_class_replaces_starter_code(prompt: str, code: str, entry_point: str) -> None:
    assert names(prompt, code, entry_point)["Solution"]().f(3) == 9


@pytest.mark.parametrize("prompt", [STARTER, STARTER.rstrip(), COMMENTED])
@pytest.mark.parametrize("code", ["return x * x", "        y = x\n        return x * y\n", "y = x\nreturn x * y\n"])
def test_a_body_continues_starter_code(prompt: str, code: str) -> None:
    if "\t" in prompt:
        code = code.replace("        ", "\t\t")
    assert names(prompt, code)["Solution"]().f(3) == 9


def test_a_program_that_fits_nowhere_is_left_as_it_is() -> None:
    head, program, flags = joined(DOCUMENTED.encode(), b"I do not know.", "f")
    assert head is not None and (program, flags) == (b"I do not know.", 0)
    assert joined(b"", b"x = '\x00'", "f").program == b"x = '\x00'"
    assert joined(IMPORTS.encode(), b"(" * 500, "f").program == b"(" * 500


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_answer_breaks_the_joining(prompt: bytes, code: bytes) -> None:
    assert joined(prompt, code, "f").program is not None


@pytest.mark.parametrize(
    ("prompt", "entry_point", "helpers"),
    [
        (DOCUMENTED, "f", "from math import prod\ndef helper(x):\n    return x\n"),
        (DOCUMENTED, "", DOCUMENTED.replace("\n\n", "\n")),
        (IMPORTS + STARTER, "Solution().f", "import math\nfrom typing import *\n"),
        (IMPORTS + STARTER, "f", "import math\nfrom typing import *\n"),
        ("import math\n@cache\ndef f(x):\n    '''x'''\n", "f", "import math\n"),
        ("x = 1; y = 2\ndef f(x):\n    ", "f", "x = 1; y = 2\n"),
        ("this is no Python (", "f", ""),
        ("", "f", ""),
    ],
)
def test_the_helpers_of_a_text_are_its_finished_statements_without_the_entry_point(
    prompt: str, entry_point: str, helpers: str
) -> None:
    assert finished(prompt, entry_point) == helpers
