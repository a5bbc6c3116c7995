"""How references of published forms are read: texts, packed tests, limits, signatures, samples, and what is refused."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import pickle
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.code_answer.forms import texts
from openqwq.verifiers.code_answer.forms.catalogue import FORMS, form_named
from openqwq.verifiers.code_answer.forms.limits import limits_of
from openqwq.verifiers.code_answer.forms.plain_pickle import read_plain_pickle
from openqwq.verifiers.code_answer.forms.reading import Defaults, plan_of
from openqwq.verifiers.code_answer.forms.signature import method_in, signature
from openqwq.verifiers.code_answer.plan import Plan
from openqwq.verifiers.code_answer.sampling import sampled
from openqwq.verifiers.code_answer.verifier import CodeVerifier
from openqwq.verifiers.json_safe import json_safe

TESTS = [{"input": "2\n", "output": "4\n"}]
PLAIN = [{"input": "é" * 300, "output": None, "n": [1, -5, 2**70, 1.5, True, False, ()]}, {"input": "é" * 300}]


def plan(reference: Any, **defaults: Any) -> Plan:
    return plan_of(reference, Defaults(**defaults))


def refusal(reference: Any, **defaults: Any) -> str:
    with pytest.raises(ValueError) as caught:
        plan(reference, **defaults)
    return str(caught.value)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(TESTS),
        f"  {json.dumps(TESTS, indent=2)}\n",
        json.dumps(json.dumps(TESTS)),
        repr(TESTS),
        b64(zlib.compress(json.dumps(TESTS).encode())),
        b64(gzip.compress(json.dumps(TESTS).encode(), mtime=0)),
        *(b64(zlib.compress(pickle.dumps(json.dumps(TESTS), protocol))) for protocol in range(6)),
        *(b64(zlib.compress(pickle.dumps(TESTS, protocol))) for protocol in range(2, 6)),
    ],
)
def test_tests_are_read_from_any_text_that_publishes_them(text: str) -> None:
    for reference in (text, {"tests": text}, {"private_test_cases": text}, {"ground_truth": text}):
        (job,) = plan(reference).jobs
        assert (job.mode, job.tests[0].input, job.tests[0].output) == ("stdin", "2\n", "4\n")


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_of_plain_data_is_read_without_unpickling(protocol: int) -> None:
    assert read_plain_pickle(pickle.dumps(PLAIN, protocol)) == json.loads(json.dumps(PLAIN))


class Hostile:
    def __reduce__(self) -> Any:
        return (exec, ("raise SystemExit('it ran')",))


SHARED: list[Any] = [1]
for _ in range(40):
    SHARED = [SHARED, SHARED]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        *((pickle.dumps([Hostile()], protocol), "builds more than plain data") for protocol in range(6)),
        (pickle.dumps({1, 2}, 4), "builds more than plain data"),
        (pickle.dumps(SHARED), "in two places"),
        (pickle.dumps("x" * 50)[:-9], "a damaged pickle"),
        (pickle.dumps("x")[:-1], "a damaged pickle"),
        (b"\x80\x04\x8c", "a damaged pickle"),
        (b"\x80\x04a.", "a damaged pickle"),
        (b"\x80\x04.", "a damaged pickle"),
        (b"\x80\x04e.", "a damaged pickle"),
    ],
)
def test_a_pickle_of_anything_else_is_refused_and_runs_nothing(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_plain_pickle(data)
    said = refusal({"private_test_cases": b64(zlib.compress(data))})
    assert said.startswith("private_test_cases is packed and cannot be read: ")


def test_packed_tests_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MAX_BYTES", 1000)
    bomb = b64(zlib.compress(b"[" + b" " * 5000 + b"]"))
    assert "packed and damaged, or larger than" in refusal({"tests": bomb})
    cut = b64(zlib.compress(json.dumps(TESTS).encode())[:-8])
    assert "packed and damaged" in refusal({"tests": cut})


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("I have no tests", "reference is 'I have no tests', which is neither JSON nor a text of tests"),
        (5, "a code reference is a mapping with tests, got int"),
        (None, "a code reference is a mapping with tests, got NoneType"),
        ({"tests": None, "asserts": None}, "needs tests, asserts or test"),
        ({"ground_truth": "34", "style": "rule"}, "got int"),
        ({"input_output": "{}"}, "lists inputs and outputs"),
        ({"inputs": ["a"], "outputs": []}, "of the same length"),
        ({"tests": [{"input": "a"}]}, "tests[0] has the keys input; it needs input and output"),
        ({"tests": [{"input": {"a": 1}, "output": "b"}]}, "tests[0].input is dict"),
        ({"tests": TESTS, "language": "java"}, "language is 'java'; allowed: python, cpp or javascript"),
        ({"tests": TESTS, "form": "aps"}, "form is 'aps', which is no form of code rows; did you mean apps?"),
        ({"tests": TESTS, "form": "mbpp"}, "a row of form mbpp has its tests in test_list"),
        ({"asserts": ["assert 1"], "form": "apps"}, "a row of form apps has its tests in input_output"),
        ({"question": "q", "form": "apps"}, "a row of form apps has them in input_output"),
        ({"tests": TESTS, "score": "half"}, "score is 'half'"),
        ({"tests": TESTS, "max_tests": 0}, "max_tests is 0"),
        ({"tests": TESTS, "mode": "guess"}, "mode is 'guess'"),
        ({"tests": TESTS, "time_limit": "long"}, "time_limit is 'long'"),
        ({"tests": TESTS, "memory_limit": "2 stones"}, "memory_limit is '2 stones'"),
        ({"tests": [{"input": "[1", "output": "2"}], "entry_point": "f"}, "tests[0].input is '[1', which is no JSON"),
        ({"tests": [{"input": "1", "output": "2", "testtype": "functional"}]}, "call a function and none is named"),
        ({"tests": TESTS, "checker": "x", "input_file": "../x"}, "harness.input_file is '../x'"),
        ({"tests": [{"input": [1], "output": 2}], "entry_point": "f", "language": "cpp"}, "mode is 'call'"),
        ({"asserts": ["assert f()"], "language": "cpp"}, "mode is 'asserts'"),
        ({"test": "# nothing\nMETADATA = {}\n"}, "the tests assert and call nothing"),
        ({"asserts": ["assert f() ==", "assert f()"]}, "asserts[0] is no Python: invalid syntax"),
        ({"test": "assert f() == " + "(" * 300}, "asserts[0] is no Python"),
        ({"tests": TESTS, "checker": "def broken(:"}, "checker is no Python"),
        ({"asserts": ["assert f()"], "setup": 5}, "setup must be a text or a list of texts"),
    ],
)
def test_a_row_that_cannot_be_judged_is_refused_in_one_line(reference: Any, words: str) -> None:
    said = refusal(reference)
    assert words in said and "\n" not in said and len(said) < 300


def test_an_unknown_form_is_named_with_a_suggestion() -> None:
    with pytest.raises(VerifierError, match="did you mean livecodebench"):
        form_named("livecodebensh")
    with pytest.raises(VerifierError, match="known: apps"):
        form_named("x")


@pytest.mark.parametrize(
    ("row", "limits"),
    [
        ({"time_limit": "2.0 seconds", "memory_limit": "256.0 megabytes"}, {"time_s": 2.0, "memory_mb": 256}),
        ({"time_limit": {"seconds": 1, "nanos": 500000000}}, {"time_s": 1.5}),
        ({"time_limit": {"seconds": 3, "nanos": None}}, {"time_s": 3.0}),
        ({"memory_limit_bytes": 256000000}, {"memory_mb": 244}),
        ({"time_limit": 0.1, "memory_limit": 16.0}, {"time_s": 0.5, "memory_mb": 64}),
        ({"time_limit": "1000 ms", "memory_limit": "1 gb"}, {"time_s": 1.0, "memory_mb": 1024}),
        ({"time_limit": 0, "memory_limit": 0}, {}),
        ({"time_limit": None}, {}),
        ({"time_limit": 2, "limits": {"time_s": 9, "memory_mb": None}}, {"time_s": 9}),
    ],
)  # fmt: skip
def test_limits_are_read_as_published(row: dict[str, Any], limits: dict[str, Any]) -> None:
    assert limits_of(row) == limits


@pytest.mark.parametrize(
    ("starter", "kinds", "depth"),
    [
        ("def f(self, root: Optional[TreeNode], k: int) -> int:", ("TreeNode", "", ""), 0),
        ("def f(self, a: 'ListNode', b: List[Optional[ListNode]]) -> Optional[ListNode]:",
         ("ListNode", "[ListNode]", "ListNode"), 0),
        ("def f(self, nums: List[int]) -> None:\n    ", ("", "None"), 0),
        ("def f(self, a: Dict[str, int], b: int = 3) -> List[List[int]]:", (), 2),
        ("def f(a) -> list[int]:", (), 1),
        ("def f(a, b):", (), None),
    ],
)  # fmt: skip
def test_a_signature_says_which_values_are_nodes(starter: str, kinds: tuple[str, ...], depth: int | None) -> None:
    found = signature(f"class Solution:\n    {starter}\n        ", "f")
    assert found is not None and (found.node_kinds, found.list_depth) == (kinds, depth)
    assert signature(starter, "g") is None
    assert method_in(f"class Solution:\n    def __init__(self): pass\n    {starter}") == "f"


def test_a_sample_is_the_same_each_time_and_keeps_its_order() -> None:
    tests = list(range(1000))
    first = sampled(tests, [1] * 1000, 20, "row 1")
    assert first == sampled(tests, [1] * 1000, 20, "row 1") == sorted(first) and len(first) == 20
    assert first != sampled(tests, [1] * 1000, 20, "row 2")
    assert sampled(tests, [1] * 1000, 1000, "row 1") == tests
    assert len(sampled(tests, [16 << 20] * 1000, 20, "row 1")) == 2
    assert len(sampled(tests, [64 << 20] * 1000, 20, "row 1")) == 1


def test_too_many_tests_are_sampled_and_the_plan_says_so() -> None:
    many = {"tests": [{"input": str(number), "output": ""} for number in range(1500)]}
    found = plan(many)
    assert (len(found.jobs[0].tests), found.sampled) == (1000, "1000 of the row's 1500 tests, drawn by the row")
    assert plan(many).jobs == found.jobs
    assert len(plan(many, max_tests=7).jobs[0].tests) == len(plan({**many, "max_tests": 7}).jobs[0].tests) == 7


def test_tests_of_several_functions_are_a_job_for_each() -> None:
    cases = [
        {"fn_name": "f", "input": [1], "output": 2, "type": "function_call"},
        {"fn_name": "g", "input": [1], "output": 2, "type": "function_call"},
        {"fn_name": None, "input": "1\n", "output": "2\n", "type": "stdin_stdout"},
        {"fn_name": "f", "input": [2], "output": 3, "type": "function_call"},
    ]
    jobs = plan({"test_cases": cases}).jobs
    assert [(job.mode, job.entry_point, len(job.tests)) for job in jobs] == [
        ("call", "f", 2), ("call", "g", 1), ("stdin", None, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "tolerance", "has_imports"),
    [
        ({"tests": TESTS}, None, False),
        ({"tests": json.dumps({"inputs": ["a"], "outputs": ["b"]})}, 1e-6, True),
        ({"public_tests": {"input": ["a"], "output": ["b"]}}, 1e-6, False),
        ({"official_tests": TESTS}, 1e-6, False),
        ({"public_test_cases": TESTS}, 0.0, True),
        ({"tests": TESTS, "compare": {"float_tol": 0.5}, "form": "apps"}, 0.5, True),
        ({"tests": [{"input": [1], "output": 2}], "entry_point": "f"}, None, True),
        ({"tests": TESTS, "usual_imports": True}, None, True),
        ({"asserts": ["assert f()"]}, None, False),
    ],
)
def test_a_form_brings_its_comparison_and_its_imports(
    reference: dict[str, Any], tolerance: float | None, has_imports: bool
) -> None:
    (job,) = plan(reference).jobs
    assert (job.compare.float_tol, job.harness.usual_imports) == (tolerance, has_imports)


def test_what_a_recipe_sets_holds_for_rows_that_do_not_say_it() -> None:
    defaults: dict[str, Any] = {
        "form": "apps", "language": "c++", "compare": {"float_tol": 0.1}, "score": "share", "limits": {"time_s": 9},
    }  # fmt: skip
    found = plan({"tests": TESTS}, **defaults)
    (job,) = found.jobs
    assert (found.language, found.score, job.stop_on_first_failure) == ("cpp", "share", False)
    assert (job.compare.float_tol, job.limits.time_seconds) == (0.1, 9)
    assert plan({"tests": TESTS, "language": "JavaScript", "score": "all"}, **defaults).language == "javascript"
    (job,) = plan({"test_list": ["assert f()"]}, preamble="import math", setup="x = 1").jobs
    assert (job.harness.prompt, job.setup) == ("import math", "x = 1\nimport math\n")


def test_every_form_has_an_example_of_its_column() -> None:
    assert all(form.example and form.name == name for name, form in FORMS.items())


KEYS = [
    *("tests", "input_output", "test_cases", "public_test_cases", "public_tests", "official_tests", "generated_tests"),
    *("inputs", "outputs", "input", "output", "fn_name", "entry_point", "metadata", "type", "testtype", "asserts"),
    *("test", "test_list", "prompt", "starter_code", "setup", "test_imports", "language", "limits", "time_limit"),
    *("memory_limit", "compare", "checker", "input_file", "input_mode", "form", "mode", "score", "max_tests"),
    *("ground_truth", "verification_info", "usual_imports"),
]
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from(["call", "stdin", "f", "[1]", '{"inputs": [1], "outputs": [2]}', "assert f(1)", "apps", "1\n"]),
)  # fmt: skip
ROWS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
        | inner.map(lambda value: json.dumps(value))
    ),
    max_leaves=12,
)


@given(ROWS)
def test_no_row_raises_more_than_its_refusal(row: Any) -> None:
    with contextlib.suppress(ValueError):
        plan(json_safe(row))


@pytest.mark.parametrize("depth", [50, 500, 900, 5000])
def test_a_deeply_nested_text_of_tests_is_refused_or_judged(depth: int) -> None:
    text = json.dumps({"fn_name": "f", "inputs": [[1]], "outputs": ["x"]}).replace('"x"', "[" * depth + "]" * depth)
    assert isinstance(CodeVerifier("http://127.0.0.1:9").check_reference({"reference": {"tests": text}}), str | None)


def test_inputs_and_outputs_decide_beside_texts_unless_the_mode_says_texts() -> None:
    both = {"tests": TESTS, "asserts": ["assert f()"]}
    assert [job.mode for job in plan(both).jobs] == ["stdin"]
    assert [job.mode for job in plan({**both, "mode": "asserts"}).jobs] == ["asserts"]
    beside = {"test": "assert f()", "input_output": [{"input": "x = 1", "output": "2"}]}
    assert [job.mode for job in plan(beside).jobs] == ["asserts"]


def test_one_test_and_columns_keep_what_stands_beside_them() -> None:
    for tests in (
        {"inputs": ["1"], "outputs": ["2"]},
        {"input": "1", "output": "2"},
        {"input": ["1"], "output": ["2"]},
    ):
        found = plan({**tests, "time_limit": 9, "language": "js"})
        assert [(test.input, test.output) for test in found.jobs[0].tests] == [("1", "2")]
        assert (found.language, found.jobs[0].limits.time_seconds) == ("javascript", 9)
    (job,) = plan({"input": [1], "output": None, "fn_name": "f"}).jobs
    assert (job.mode, job.tests[0].input, job.tests[0].output) == ("call", [1], None)
