"""Jobs in C++ and JavaScript, and which toolchains this host has."""

from __future__ import annotations

import importlib.util

import pytest

from openqwq.sandbox import Job, Limits, TestCase
from openqwq.sandbox.languages import languages

PRESENT = {one.name for one in languages() if one.version}
needs_cpp = pytest.mark.skipif("cpp" not in PRESENT, reason="g++ is not installed")
needs_node = pytest.mark.skipif("javascript" not in PRESENT, reason="node is not installed")
needs_numpy = pytest.mark.skipif(importlib.util.find_spec("numpy") is None, reason="numpy is not installed")
SQUARES = (TestCase("3\n", "9\n"), TestCase("12\n", "144\n"))
CPP_SQUARE = '#include <cstdio>\nint main() { long n; if (scanf("%ld", &n) == 1) printf("%ld\\n", n * n); }\n'
JS_SQUARE = "const n = Number(require('fs').readFileSync(0, 'utf8')); console.log(n * n);\n"
ROOMY = Limits(5.0, 512)


def cpp(code: str, tests: tuple[TestCase, ...] = SQUARES, limits: Limits = ROOMY) -> Job:
    return Job(code, language="cpp", tests=tests, limits=limits)


def javascript(code: str, tests: tuple[TestCase, ...] = SQUARES, limits: Limits = ROOMY) -> Job:
    return Job(code, language="javascript", tests=tests, limits=limits)
