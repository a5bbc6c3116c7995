"""Rows in the layout of each published form, of our own content, with right and wrong answers."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Published:
    """A row of a form and programs for it."""

    form: str
    row: dict[str, Any]
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    language: str = "python"


def packed(tests: list[dict[str, Any]]) -> str:
    """As LiveCodeBench packs its private tests."""
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)))).decode()


def _io(**columns: Any) -> str:
    return json.dumps(columns)


DOUBLE = ("print(int(input()) * 2)", "print(int(input()) + 2)", "import nothing_here", "")
TREE = """class Solution:
    def flip(self, root: Optional[TreeNode]) -> Optional[TreeNode]:
        """
FLIPPED = (
    TREE
    + "if root:\n            root.left, root.right = self.flip(root.right), self.flip(root.left)\n        return root\n"
)
HUMANEVAL = '''from typing import List


def helper(n):
    return n * 3


def triple(n: int) -> List[int]:
    """n times 3, in a list."""
'''
PLUS = """
import numpy as np

def is_floats(x) -> bool:
    return isinstance(x, float) or (isinstance(x, np.ndarray) and x.dtype == np.float64)

def assertion(out, exp, atol):
    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if atol != 0:
        assert np.allclose(out, exp, rtol=1e-07, atol=atol)
    else:
        assert out == exp

def check(candidate):
    inputs = [[2], [0], [5]]
    results = [[6], [0], [15]]
    for i, (inp, exp) in enumerate(zip(inputs, results)):
        assertion(candidate(*inp), exp, 0)
"""
CHECK = "def check(candidate):\n    assert candidate(2) == [helper(2)]\n    assert candidate(0) == [0]\n"
CHECKER = """import sys
given, wanted, got = (open(path).read().split() for path in sys.argv[1:])
first, second = map(int, got)
print(int(first + second == int(given[0])))
"""
VERIFICATION = {
    "language": "python",
    "test_cases": [
        {"fn_name": "inc", "input": [4], "output": 5, "type": "function_call"},
        {"fn_name": "inc", "input": [0], "output": 1, "type": "function_call"},
    ],
}
INC = (
    ("def inc(n):\n    return n + 1\n",),
    ("def inc(n):\n    return n + 2\n", "def inc(n):\n    return n + 1 if n else 0\n", "x = 1"),
)
STDIN_CASES = [{"fn_name": None, "input": "a b\n", "output": "b a\n", "type": "stdin_stdout"}]
SWAP = (("print(*reversed(input().split()))",), ("print(input())",))
LONGEST = "class Solution:\n    def longest(self, words: List[str], sep: str) -> str:\n        "
BOX = "class Solution:\n    def box(self, n: int) -> List[int]:\n        "
TWICE = """def check(candidate):
    assert candidate(nums = [1, 2, 1], k = 1) == 2
    assert candidate(nums = [], k = 3) == 0
"""
SQUASH = """from solution import squash

def test_some():
    assert squash('ab') == 'a'

def test_empty():
    assert squash('') == ''
"""


def _apps(input_output: str, starter_code: str = "", **columns: Any) -> dict[str, Any]:
    return {"question": "q", "input_output": input_output, "starter_code": starter_code, **columns}


ROWS = (
    Published("apps", _apps(_io(inputs=["2\n", "3\n"], outputs=["4\n", "6\n"])), DOUBLE[:1], DOUBLE[1:]),
    Published("apps", _apps(_io(inputs=["2\n"], outputs=["0.3333333333\n"])), ("print(1 / 3)",), ("print(0.33)",)),
    Published(
        "apps", _apps(_io(fn_name="inc", inputs=[[4], [0]], outputs=[[5], [1]]), "def inc(n):\n\t"), INC[0], INC[1]
    ),
    Published(
        "apps",
        _apps(_io(fn_name="box", inputs=[[4], [0]], outputs=[[4], [0]]), BOX),
        (f"{BOX}return [n]\n",),
        (f"{BOX}return n\n",),
    ),
    Published(
        "taco",
        _apps(
            _io(inputs=[["2", "1 2"], ["1", "7"]], outputs=[["3", "2"], ["7", "1"]]),
            "",
            time_limit="2.0 seconds",
            memory_limit="256.0 megabytes",
        ),
        ("n = int(input())\nprint(sum(map(int, input().split())))\nprint(n)",),
        ("n = int(input())\nprint(n)",),
    ),
    Published(
        "taco",
        _apps(
            _io(fn_name="flip", inputs=[[[1, 2, 3]], [[]]], outputs=[[1, 3, 2], []]),
            TREE,
            time_limit=None,
            memory_limit=None,
        ),
        (FLIPPED,),
        (TREE + "return root",),
    ),
    Published(
        "codecontests",
        {
            "description": "q",
            "public_tests": {"input": ["2\n"], "output": ["4\n"]},
            "private_tests": {"input": ["5\n"], "output": ["10\n"]},
            "generated_tests": {"input": [], "output": []},
            "time_limit": {"seconds": 1, "nanos": 500000000},
            "input_file": "",
            "output_file": "",
        },
        (DOUBLE[0], "print(float(input()) * 2)"),
        ("print(4)", *DOUBLE[1:]),
    ),
    Published(
        "codecontests",
        {
            "description": "q",
            "public_tests": {"input": ["2\n"], "output": ["4\n"]},
            "private_tests": {"input": [], "output": []},
            "generated_tests": {"input": ["5\n"], "output": ["10\n"]},
            "time_limit": None,
            "input_file": "in.txt",
            "output_file": "out.txt",
        },
        ("open('out.txt', 'w').write(str(2 * int(open('in.txt').read())))", DOUBLE[0]),
        ("open('out.txt', 'w').write('4')", DOUBLE[1]),
    ),
    Published(
        "livecodebench",
        {
            "question_content": "q",
            "public_test_cases": json.dumps([{"input": "2\n", "output": "4\n", "testtype": "stdin"}]),
            "private_test_cases": packed([{"input": "5\n", "output": "10\n", "testtype": "stdin"}]),
            "metadata": "{}",
            "starter_code": "",
        },
        (DOUBLE[0], "print(int(input()) * 2.0)"),
        ("print(4)", *DOUBLE[1:]),
    ),
    Published(
        "livecodebench",
        {
            "question_content": "q",
            "public_test_cases": json.dumps(
                [{"input": '["ab", "abc"]\n"-"', "output": '"abc-"', "testtype": "functional"}]
            ),
            "private_test_cases": packed([{"input": '["b"]\n""', "output": '"b"', "testtype": "functional"}]),
            "metadata": '{"func_name": "longest"}',
            "starter_code": LONGEST,
        },
        (f"{LONGEST}return max(words, key=len) + sep\n",),
        (f"{LONGEST}return words[0] + sep\n",),
    ),
    Published(
        "leetcode",
        {
            "query": "q",
            "test": TWICE,
            "entry_point": "Solution().twice",
            "prompt": "import math\nfrom collections import *\nfrom typing import *\n\ninf = float('inf')\n",
        },
        ("class Solution:\n    def twice(self, nums: List[int], k: int) -> int:\n        return Counter(nums)[k]\n",),
        ("class Solution:\n    def twice(self, nums, k):\n        return len(nums)\n", "x = 1"),
    ),
    Published(
        "mbpp",
        {
            "text": "q",
            "code": "def area(r):\n    return math.pi * r * r\nimport math\n",
            "test_list": ["assert math.isclose(area(1), math.pi)", "assert area(unit) < 4"],
            "test_setup_code": "import math\nunit = 1",
        },
        ("import math\ndef area(r):\n    return math.pi * r ** 2\n",),
        ("def area(r):\n    return 3\n", "x = 1"),
    ),
    Published(
        "acecode",
        {"question": "q", "test_cases": ["assert bare('banana') == 'bnn'", "assert bare('') == ''"]},
        ("def bare(s):\n    return ''.join(c for c in s if c not in 'aeiou')\n",),
        ("def bare(s):\n    return s.replace('a', '') or 'x'\n",),
    ),
    Published(
        "humaneval",
        {"prompt": HUMANEVAL, "canonical_solution": "    return [helper(n)]\n", "entry_point": "triple", "test": CHECK},
        (
            "    return [helper(n)]\n",
            "def triple(n: int) -> List[int]:\n    return [n * 3]\n",
            HUMANEVAL + "    return [helper(n)]\n",
        ),
        ("    return [n]\n", "def helper(n): return n\ndef triple(n): return [n]\n"),
    ),
    Published(
        "humaneval_plus",
        {"prompt": HUMANEVAL, "canonical_solution": "    return [helper(n)]\n", "entry_point": "triple", "test": PLUS},
        ("    return [helper(n)]\n", "def triple(n):\n    return [n + n + n]\n"),
        ("    return [n]\n", "def triple(n):\n    return [6]\n"),
    ),
    Published(
        "kodcode",
        {"question": "q", "solution": "def squash(s):\n    return s[:1]\n", "test": SQUASH},
        ("def squash(s):\n    return s[0] if s else ''\n",),
        ("def squash(s):\n    return s[0]\n", "def squash(s):\n    return s\n"),
    ),
    Published(
        "eurus",
        {
            "prompt": [{"role": "user", "content": "q"}],
            "reward_model": {"ground_truth": _io(inputs=["2\n", "3\n"], outputs=["4\n", "6\n"]), "style": "rule"},
        },
        DOUBLE[:1],
        DOUBLE[1:],
    ),
    Published(
        "eurus",
        {
            "prompt": [{"role": "user", "content": "q"}],
            "reward_model": {
                "ground_truth": _io(fn_name="inc", inputs=["4", "0"], outputs=["5", "1"]),
                "style": "rule",
            },
        },
        INC[0],
        INC[1],
    ),
    Published("synthetic1", {"prompt": "q", "verification_info": json.dumps(VERIFICATION)}, INC[0], INC[1]),
    Published(
        "synthetic1",
        {"prompt": "q", "verification_info": repr({"language": "python", "test_cases": STDIN_CASES})},
        SWAP[0],
        SWAP[1],
    ),
    Published(
        "open_r1",
        {"prompt": "q", "verification_info": {"language": "python", "test_cases": STDIN_CASES}},
        SWAP[0],
        SWAP[1],
    ),
    Published(
        "open_r1",
        {
            "prompt": "q",
            "verification_info": {
                "language": "cpp",
                "test_cases": [{"fn_name": None, "input": "7\n", "output": "49\n", "type": "stdin_stdout"}],
            },
        },
        ("#include <iostream>\nint main() { int n; std::cin >> n; std::cout << n * n; }",),
        ("#include <iostream>\nint main() { std::cout << 14; }",),
        "cpp",
    ),
    Published(
        "deepcoder",
        {
            "problem": "q",
            "tests": json.dumps(
                [
                    {"type": "function_call", "fn_name": "mid", "input": [2, 6], "output": 4.0},
                    {"type": "function_call", "fn_name": "mid", "input": [0, 1], "output": 0.5},
                ]
            ),
        },
        ("def mid(a, b):\n    return (a + b) / 2\n",),
        ("def mid(a, b):\n    return (a + b) // 2\n",),
    ),
    Published(
        "deepcoder",
        {"problem": "q", "tests": json.dumps([{"input": "2\n", "output": "4\n"}])},
        DOUBLE[:1],
        ("print(5)", ""),
    ),
    Published(
        "codeforces",
        {
            "description": "q",
            "official_tests": [{"input": "7\n", "output": "1 6\n"}],
            "generated_checker": CHECKER,
            "time_limit": 2.0,
            "memory_limit": 256.0,
            "input_mode": "stdio",
        },
        ("n = int(input())\nprint(2, n - 2)",),
        ("n = int(input())\nprint(2, n - 1)", "print('no numbers')", ""),
    ),
    Published(
        "codeforces",
        {
            "description": "q",
            "official_tests": [{"input": "5\n", "output": "120\n"}, {"input": "1\n", "output": "1\n"}],
            "generated_checker": None,
            "time_limit": 2.0,
            "memory_limit": 16.0,
            "input_mode": "file",
        },
        ("import math\nprint(math.factorial(int(open('input.txt').read())), file=open('output.txt', 'w'))",),
        ("print(120)",),
    ),
)
