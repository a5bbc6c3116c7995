"""What stands around a program, on a real server: a text that it continues, names, nodes, files and checkers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from openqwq.sandbox import InvalidJob, Job, Limits, LocalSandbox, Outcome, TestCase
from openqwq.sandbox import checker as checker_module
from openqwq.sandbox.harness import Harness
from openqwq.sandbox.jobs import validate_job
from openqwq.sandbox.wire import job_from_json, job_to_json
from tests.sandbox.language_jobs import needs_cpp

SUM_CHECKER = """import sys
given, wanted, got = (open(path).read() for path in sys.argv[1:])
first, second = map(int, got.split())
print(int(first + second == int(given)))
"""
PAIRS = tuple(TestCase(f"{number}\n", f"1 {number - 1}\n") for number in (7, 9, 12))
STARTER = "class Solution:\n    def tail(self, nums: List[int], k: int) -> int:\n        "
WHOLE = "class Solution:\n    def tail(self, nums: List[int], k: int) -> int:\n        return sum(nums[-k:])\n"
TAIL = (TestCase([[1, 2, 3], 2], 5),)
ROOMY = Limits(5.0, 512)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LocalSandbox]:
    with LocalSandbox(workers=1) as opened:
        yield opened


def called(sandbox: LocalSandbox, code: str, name: str, tests: tuple[TestCase, ...], **harness: Any) -> Outcome:
    job = Job(code, mode="call", entry_point=name, tests=tests, harness=Harness(**harness), limits=ROOMY)
    return sandbox.run(job_from_json(job_to_json(job)))


@pytest.mark.parametrize(
    ("code", "harness", "verdict"),
    [
        (WHOLE, {"prompt": STARTER, "usual_imports": True}, "pass"),
        (WHOLE, {"usual_imports": True}, "pass"),
        (WHOLE, {"prompt": STARTER}, "fail"),
        (WHOLE, {"prompt": f"from typing import *\n{STARTER}"}, "pass"),
        ("return sum(nums[-k:])", {"prompt": STARTER, "usual_imports": True}, "pass"),
        ("return sum(nums)", {"prompt": STARTER, "usual_imports": True}, "fail"),
        (WHOLE.replace("Solution", "Other"), {"usual_imports": True}, "pass"),
        (f"{WHOLE}{WHOLE.replace('Solution', 'Other').replace('-k:', ':k')}", {"usual_imports": True}, "pass"),
        (
            f"{WHOLE}{WHOLE.replace('Solution', 'B').replace('-k:', ':k')}",
            {"usual_imports": True, "owner": "B"},
            "fail",
        ),
    ],
)
def test_an_answer_joins_its_text_and_is_found_by_its_name(
    sandbox: LocalSandbox, code: str, harness: dict[str, Any], verdict: str
) -> None:
    assert called(sandbox, code, "tail", TAIL, **harness).verdict == verdict


@pytest.mark.parametrize("harness", [{"usual_imports": True}, {"prompt": "from math import *\n"}])
def test_a_name_that_only_surrounds_the_program_is_not_its_own(sandbox: LocalSandbox, harness: dict[str, Any]) -> None:
    tests = (TestCase([4, 6], 2),)
    assert called(sandbox, "x = 1", "gcd", tests, **harness).verdict == "fail"
    own = "class Solution:\n    def gcd(self, a, b):\n        return gcd(a, b)\n"
    assert called(sandbox, own, "gcd", tests, **harness).verdict == "pass"
    assert (
        called(sandbox, "def f(x): return pow(x, 2, 5)", "f", (TestCase([4], 1),), usual_imports=True).verdict == "pass"
    )


def test_deep_recursion_is_allowed_where_judges_allow_it(sandbox: LocalSandbox) -> None:
    code = "def f(n): return n and 1 + f(n - 1)"
    assert called(sandbox, code, "f", (TestCase([20000], 20000),), usual_imports=True).verdict == "pass"


OWN_NODE = "class ListNode:\n    def __init__(self, val=0, next=None):\n        self.val, self.next = val, next\n"
REVERSE = """class Solution:
    def rev(self, head):
        last = None
        while head:
            head.next, last, head = last, head, head.next
        return last
"""
FLIP = """class Solution:
    def flip(self, root: Optional[TreeNode]) -> Optional[TreeNode]:
        if root:
            root.left, root.right = self.flip(root.right), self.flip(root.left)
        return root
"""
MERGE = """class Solution:
    def merge(self, lists):
        values = []
        for node in lists:
            while node:
                values.append(node.val)
                node = node.next
        head = None
        for value in sorted(values, reverse=True):
            head = ListNode(value, head)
        return head
"""


@pytest.mark.parametrize(
    ("code", "name", "kinds", "tests"),
    [
        (REVERSE, "rev", ("ListNode", "ListNode"), [([1, 2, 3], [3, 2, 1]), ([], [])]),
        (OWN_NODE + REVERSE, "rev", ("ListNode", "ListNode"), [([1, 2, 3], [3, 2, 1])]),
        (FLIP, "flip", ("TreeNode", "TreeNode"), [([1, 2, 3, None, 4], [1, 3, 2, None, None, 4]), ([], [])]),
        (MERGE, "merge", ("[ListNode]", "ListNode"), [([[1, 4], [2], []], [1, 2, 4])]),
        ("def drop(nums): nums.sort()", "drop", ("", "None"), [([3, 1], [1, 3])]),
        ("def same(root): return root", "same", ("TreeNode", ""), [([1, None, 2], [1, None, 2])]),
        (FLIP, "flip", (), [([1, 2, 3], [1, 3, 2])]),
        ("def flip(xs: List[Optional[ListNode]], k=1) -> 'ListNode': return xs[k]", "flip", (), [([[4], [5]], [5])]),
    ],
)
def test_lists_become_nodes_and_nodes_lists(
    sandbox: LocalSandbox, code: str, name: str, kinds: tuple[str, ...], tests: list[tuple[Any, Any]]
) -> None:
    cases = tuple(TestCase([given], wanted) for given, wanted in tests)
    outcome = called(sandbox, code, name, cases, usual_imports=True, node_kinds=kinds)
    assert outcome.verdict == "pass", outcome.reason
    wrong = tuple(TestCase([given], [9, *wanted]) for given, wanted in tests)
    assert called(sandbox, code, name, wrong, usual_imports=True, node_kinds=kinds).verdict == "fail"


def test_a_ring_of_nodes_ends(sandbox: LocalSandbox) -> None:
    ring = "def f(head):\n    head.next = head\n    return head"
    outcome = called(
        sandbox, ring, "f", (TestCase([[1]], [1]),), usual_imports=True, node_kinds=("ListNode", "ListNode")
    )
    assert outcome.verdict == "fail"


def test_a_wrapped_value_stands_for_itself_where_a_row_wraps(sandbox: LocalSandbox) -> None:
    for code in ("def f(x): return x", "def f(x): return [x]"):
        assert called(sandbox, code, "f", (TestCase([3], [3]),), is_wrapped=True).verdict == "pass"
    assert called(sandbox, "def f(x): return x", "f", (TestCase([3], [3]),)).verdict == "fail"
    assert called(sandbox, "def f(x): return x", "f", (TestCase([3], [3, 3]),), is_wrapped=True).verdict == "fail"


FILES = Harness(input_file="in.txt", output_file="out.txt")
CPP_FILES = (
    '#include <fstream>\nint main() { int n; std::ifstream("in.txt") >> n; std::ofstream("out.txt") << 2 * n; }\n'
)


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("open('out.txt', 'w').write(str(2 * int(open('in.txt').read())))", "pass"),
        ("print(2 * int(input()))", "pass"),
        ("print(2 * int(input())); open('out.txt', 'w').write('1')", "fail"),
        ("import os; os.symlink('/etc/passwd', 'out.txt'); print(1)", "fail"),
        ("import os; os.mkdir('out.txt')", "fail"),
        ("pass", "fail"),
    ],
)
def test_a_program_may_read_and_write_files(sandbox: LocalSandbox, code: str, verdict: str) -> None:
    tests = (TestCase("4\n", "8\n"), TestCase("5\n", "10\n"))
    assert sandbox.run(Job(code, tests=tests, harness=FILES)).verdict == verdict


@needs_cpp
def test_a_compiled_program_may_read_and_write_files(sandbox: LocalSandbox) -> None:
    assert sandbox.run(Job(CPP_FILES, "cpp", tests=(TestCase("4", "8"),), harness=FILES)).verdict == "pass"


@pytest.mark.parametrize(
    ("code", "checker", "verdict"),
    [
        ("n = int(input()); print(2, n - 2)", SUM_CHECKER, "pass"),
        ("n = int(input()); print(2, n - 1)", SUM_CHECKER, "fail"),
        ("print('x' * 3_000_000)", SUM_CHECKER, "fail"),
        ("print(1, 6)", SUM_CHECKER, "fail"),
        ("pass", SUM_CHECKER, "fail"),
        ("import os; os._exit(1)", SUM_CHECKER, "fail"),
        ("print(0)", "print(0.5)", "fail"),
        ("print(0)", "print(100)", "pass"),
        ("print(1)", "import sys; print(0); print('got', open(sys.argv[3]).read())", "error"),
        (
            "print(1)",
            "import sys\na, b = (open(path).read() for path in sys.argv[2:])\nprint(1 if a == b else b)",
            "pass",
        ),
        (
            "print('x')",
            "import sys\na, b = (open(path).read() for path in sys.argv[2:])\nprint(1 if a == b else b)",
            "fail",
        ),
        ("print(0)", "import sys; print('not so', file=sys.stderr); sys.exit(1)", "fail"),
        ("print(0)", "import sys; sys.exit(0)", "pass"),
        ("print(0)", "import sys; sys.exit(1)", "fail"),
        ("print(0)", "import nothing_here", "error"),
        ("print(0)", "print('no number')", "error"),
        ("print(0)", "def broken(:", "error"),
        ("print(0)", "import sys; print(1 if 'x' in open(sys.argv[3]).read() else len(sys.argv) - 4)", "fail"),
    ],
)
def test_a_checker_decides_and_no_program_can_break_it(
    sandbox: LocalSandbox, code: str, checker: str, verdict: str
) -> None:
    outcome = sandbox.run(Job(code, tests=PAIRS, harness=Harness(checker=checker), limits=ROOMY))
    assert outcome.verdict == verdict, outcome.reason
    assert not outcome.is_retryable


def test_an_output_that_keeps_a_checker_busy_is_wrong(sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker_module, "LIMITS", Limits(0.5, 512))
    slow = "import sys\nwhile 'x' in open(sys.argv[3]).read(): pass\nprint(1)"
    harness = Harness(checker=slow)
    assert sandbox.run(Job("print('x')", tests=PAIRS[:1], harness=harness)).verdict == "fail"
    assert sandbox.run(Job("print('y')", tests=PAIRS[:1], harness=harness)).verdict == "pass"


@pytest.mark.parametrize(
    ("job", "field"),
    [
        (Job("x", tests=PAIRS, harness=Harness(input_file="../x")), "harness.input_file"),
        (Job("x", tests=PAIRS, harness=Harness(output_file="main.py")), "harness.output_file"),
        (Job("x", tests=PAIRS, harness=Harness(prompt="x" * (2 << 20))), "harness.prompt"),
        (Job("x", "cpp", tests=PAIRS, harness=Harness(prompt="x")), "harness.prompt"),
        (Job("x", mode="call", entry_point="f", tests=TAIL, harness=Harness(checker="x")), "harness.checker"),
        (Job("x", mode="call", entry_point="f", tests=TAIL, harness=Harness(owner="a b")), "harness.owner"),
    ],
)
def test_a_harness_that_cannot_be_is_refused_by_name(job: Job, field: str) -> None:
    with pytest.raises(InvalidJob) as caught:
        validate_job(job)
    assert caught.value.field == field


@pytest.mark.parametrize("harness", [{"promt": "x"}, {"prompt": 5}, {"usual_imports": "yes"}, {"node_kinds": "x"}])
def test_a_harness_from_json_has_known_fields_of_their_types(harness: dict[str, Any]) -> None:
    with pytest.raises(InvalidJob) as caught:
        job_from_json({"code": "x", "tests": [{"input": "", "output": ""}], "harness": harness})
    assert caught.value.field == "harness" and next(iter(harness)) in str(caught.value)
