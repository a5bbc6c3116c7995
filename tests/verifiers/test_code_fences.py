"""Which text of an answer is the program: fences as Markdown defines them, and which of several blocks counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.code_answer.fences import Block, blocks
from openqwq.verifiers.code_answer.languages import language_of
from openqwq.verifiers.code_answer.program import Program, program_of

FENCED = "```python\na = 1\n```"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```python\na\n```", [Block("python", "a\n")]),
        ("``` Python title=x\na\n```", [Block("python", "a\n")]),
        ("```{.python .numberLines}\na\n```", [Block("python", "a\n")]),
        ("```language-python\na\n```", [Block("python", "a\n")]),
        ("```C++17\na\n```", [Block("c++17", "a\n")]),
        ("```\na\n```", [Block("", "a\n")]),
        ("~~~js\na\n~~~", [Block("js", "a\n")]),
        ("   ```python\n   a\n     b\n c\n   ```  ", [Block("python", "a\n  b\nc\n")]),
        ("````py\n```\n````", [Block("py", "```\n")]),
        ("```py\na\n````", [Block("py", "a\n")]),
        ("```text\na\n```x\n```", [Block("text", "a\n```x\n")]),
        ("```cpp\na\n``` This prints a.\nDone.", [Block("cpp", "a\n")]),
        ("```py\ns = '''\n```\n'''\na", [Block("py", "s = '''\n```\n'''\na\n")]),
        ("```py\na\n~~~\n```", [Block("py", "a\n~~~\n")]),
        ("```py\na\n    ```\n```", [Block("py", "a\n    ```\n")]),
        ("a ```b``` c", []),
        ("    ```py\na\n```", [Block("", "")]),
        ("x ```py\na\n```", [Block("", "")]),
        ("```py\r\na\r\n\r\nb\r\n```\r\n", [Block("py", "a\n\nb\n")]),
        ("1. So:\n\n   ```py\n   a\n     b\n   ```", [Block("py", "a\n  b\n")]),
        ("- x\n    - y\n\n        ```py\n        a\n        ```", [Block("py", "a\n")]),
        ("- ```py\n  a\n  ```", [Block("py", "a\n")]),
        ("1. ```py\n   if x:\n       a\n   ```", [Block("py", "if x:\n    a\n")]),
        ("1. x\n\t```py\n\tif x:\n\t\ta\n\t```", [Block("py", "if x:\n    a\n")]),
        ("1. So:\n   ```py\na\n   ```", [Block("py", "a\n")]),
        ("> ```py\n> if x:\n>     a\n>\n> b\n> ```", [Block("py", "if x:\n    a\n\nb\n")]),
        ("> ```py\n> a\nb", [Block("py", "a\n")]),
        ("<answer>\n```py\na\n```\n</answer>", [Block("py", "a\n")]),
        ("```py\na\n```\n```\nb\n```", [Block("py", "a\n"), Block("", "b\n")]),
        ("```py\na", [Block("py", "a\n")]),
        ("```py\na\n\n", [Block("py", "a\n")]),
        ("````py\na\n```", [Block("py", "a\n")]),
        ("```py\na```", [Block("py", "a\n")]),
        ("```py\na\n``` This prints a.\nDone.", [Block("py", "a\n")]),
        ("```py\na\n``` This prints a.\n```py\nb\n```", [Block("py", "a\n"), Block("py", "b\n")]),
        ("```py\na\n\nBetter:\n```py\nb\n```", [Block("py", "a\n\nBetter:\n"), Block("py", "b\n")]),
        ("no code", []),
    ],
)
def test_blocks_are_found_as_markdown_has_them(text: str, found: list[Block]) -> None:
    assert blocks(text) == found


@pytest.mark.parametrize("quotes", ["'''", '"""'])
@pytest.mark.parametrize("name", ["python", "", "py3"])
def test_backticks_in_a_text_of_the_program_do_not_end_it(quotes: str, name: str) -> None:
    code = f"def g():\n    x = 'it\\'s'  # don't\n    {quotes}\n```\nin here\n```\n    {quotes}\n    return 0\n"
    assert blocks(f"```{name}\n{code}```\nthen\n```\n1\n```") == [Block(name, code), Block("", "1\n")]


def test_an_open_string_that_nothing_ends_does_not_swallow_the_rest() -> None:
    broken = "```python\nx = '''\n```\n"
    assert blocks(f"{broken}words\n```python\na\n```") == [Block("python", "x = '''\n"), Block("python", "a\n")]
    assert len(blocks(broken * 3000)) > 1000


def test_a_late_fence_is_taken_when_no_other_is_there() -> None:
    assert blocks("Answer: ```python\na\n```", may_be_late=True) == [Block("python", "a\n")]
    assert program_of("Answer: ```python\na\n```", "python").code == "a\n"
    assert program_of("Answer: ```python\na\n```\nThat is all.", "python").code == "a\n"
    assert program_of("Put it in ```python\n```python\na\n```", "python").code == "a\n"


@given(st.text(alphabet="`~> -1.\t \n'\"ab#\\", max_size=80))
def test_no_text_breaks_the_search_for_blocks(text: str) -> None:
    for block in blocks(text, may_be_late=True):
        assert "\r" not in block.text
    assert program_of(text, "python").language == "python"


@given(st.lists(st.sampled_from(["a = 1", "    b", "", "if x:", "\tc", "# d"]), min_size=1, max_size=6))
def test_a_block_comes_out_as_it_was_put_in_wherever_it_stands(lines: list[str]) -> None:
    code = "".join(f"{line}\n" for line in lines)
    spaces = code.expandtabs(4)
    for number in (3, 5):
        fence = "`" * number
        assert blocks(f"{fence}python\n{code}{fence}") == [Block("python", code)]
        assert blocks(f"{fence}python\n{code}{fence}".replace("\n", "\r\n")) == [Block("python", code)]
        nested = "".join(f"   {line}\n" if line else "\n" for line in [f"{fence}python", *spaces.splitlines(), fence])
        assert blocks(f"1. x\n\n{nested}") == [Block("python", spaces)]


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (FENCED, "a = 1\n"),
        (f"<think>{FENCED}</think>b = 2", "b = 2\n"),
        (f"<think>x</think>y</think>{FENCED}", "a = 1\n"),
        (f"Here:\n{FENCED}\nIt prints\n```\n1\n```", "a = 1\n"),
        (f"{FENCED}\nBetter:\n```py\nb = 2", "b = 2\n"),
        ("```\na = 1\n```", "a = 1\n"),
        ("```py\na = 1\n```\n```python3\nb = 2\n```", "b = 2\n"),
        (f"{FENCED}\nRun it:\n```bash\npython a.py\n```", "a = 1\n"),
        (f"{FENCED}\nIn C++:\n```cpp\nint main() {{}}\n```", "a = 1\n"),
        ("````markdown\nSo:\n```python\na = 1\n```\n````", "a = 1\n"),
        ("```md\n```python\na = 1\n```\n```", "a = 1\n"),
        ("I write it in ```python\n```\na = 1\n```", "a = 1\n"),
        (f"{FENCED}\n```python\n```", "a = 1\n"),
        ("a = 1", "a = 1\n"),
        ("\n \n\t\n  a = 1\n  b = 2 \n\n", "  a = 1\n  b = 2\n"),
        ("```text\nx\n```", "```text\nx\n```\n"),
    ],
)
def test_the_last_python_block_after_the_thinking_counts_else_an_unnamed_one_else_all(response: str, code: str) -> None:
    assert program_of(response, "python", True) == Program(code, "python")


def test_a_program_in_another_language_counts_only_where_the_tests_allow_it() -> None:
    answer = "```cpp\nint main() {}\n```\nIt prints\n```\n7\n```"
    assert program_of(answer, "python", True) == Program("int main() {}\n", "cpp")
    assert program_of(answer, "python", False) == Program("7\n", "python")
    assert program_of(answer, "cpp") == Program("int main() {}\n", "cpp")
    assert program_of(f"{FENCED}\n{answer}", "cpp").code == "int main() {}\n"
    assert program_of("```js\nlet a\n```", "javascript") == Program("let a\n", "javascript")


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("python", "python,Python3,py,py3,python3.11,PyPy,pypy3,PyPy 3-64,Python 3,python-3,ipython3"),
        ("cpp", "cpp,C++,c++17,C++20,cc,cxx,g++,c,GNU C++17,GNU C++20 (64),cpp17,MS C++ 2017"),
        ("javascript", "js,JavaScript,node,Node.js,nodejs,JavaScript (18.1)"),
        ("", "java,c#,csharp,python2,Python 2,PyPy 2,jsx,json,typescript,rust,cobol,text,pycon,cppfront,-,"),
    ],
)
def test_a_language_is_known_by_its_names_on_fences_rows_and_sites(language: str, names: str) -> None:
    for name in names.split(","):
        assert language_of(name) == language, name


def _answer(*codes: str, name: str = "python") -> str:
    return "\nThen:\n".join(f"```{name}\n{code}\n```" for code in codes)


@pytest.mark.parametrize("name", ["python", ""])
@pytest.mark.parametrize(
    "code",
    ["def f(x):\n    return x", "class A:\n    def f(self, x):\n        return x", "f = abs", "async def f(x): pass",
     "from math import f", "f: int = len"],
)  # fmt: skip
def test_a_block_that_shows_the_use_of_the_function_is_not_the_program(name: str, code: str) -> None:
    assert program_of(_answer(code, "print(f(2))", name=name), "python", function="f").code == f"{code}\n"
    later = "def f(x):\n    return g(x)"
    assert program_of(_answer(code, "print(f(2))", later, name=name), "python", function="f").code == f"{later}\n"


def test_the_last_block_stays_the_program_where_it_may_be_one() -> None:
    define = "def f(x):\n    return x"
    for last in ("    return x", "print(2)", "def f(x):\n    return f(x - 1)", "g = 3"):
        assert program_of(_answer(define, last), "python", function="f").code == f"{last}\n"
    assert program_of(_answer(define, "print(f(2))"), "python").code == "print(f(2))\n"
    assert program_of(_answer("print(1)", "print(f(2))"), "python", function="f").code == "print(f(2))\n"
    assert program_of(f"```\n{define}\n```\n```python\nf(2)\n```", "python", function="f").code == "f(2)\n"
