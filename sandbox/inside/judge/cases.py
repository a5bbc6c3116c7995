"""Runs the test cases of unittest that a text defines. unittest is loaded only for a text that names it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any


def prepare() -> None:
    """Load unittest, so that `unittest.main` at the end of a text does not end this process: its tests are collected
    anyway. A runner that the text starts itself prints nothing."""
    unittest: Any = importlib.import_module("unittest")
    importlib.import_module("unittest.runner").TextTestRunner.run = _run_suite

    class Program:
        result = unittest.TestResult()

    unittest.main = lambda *arguments, **keywords: Program()


def _run_suite(runner: Any, suite: Callable[..., Any]) -> Any:
    """The result is the text's to read."""
    result = sys.modules["unittest"].TestResult()
    suite(result)
    return result


def is_case(kind: type) -> bool:
    unittest = sys.modules.get("unittest")
    return unittest is not None and issubclass(kind, unittest.TestCase)


def run(kind: Any) -> int:
    """Run all tests of a class; the number that were not skipped. Raises what the first failing one raised."""
    unittest = sys.modules["unittest"]
    result = _result(unittest)
    unittest.TestLoader().loadTestsFromTestCase(kind).run(result)
    if result.problem is not None:
        raise result.problem
    return int(result.testsRun) - len(result.skipped)


def _result(unittest: Any) -> Any:
    class Result(unittest.TestResult):  # type: ignore[misc]
        """Keeps the first exception of a test."""

        problem: BaseException | None = None

        def addError(self, test: Any, err: Any) -> None:
            self._keep(err[1])

        def addFailure(self, test: Any, err: Any) -> None:
            self._keep(err[1])

        def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
            if err is not None:
                self._keep(err[1])

        def addUnexpectedSuccess(self, test: Any) -> None:
            self._keep(AssertionError("a test passed that should not"))

        def _keep(self, problem: BaseException) -> None:
            self.problem = self.problem or problem
            self.stop()

    return Result()
