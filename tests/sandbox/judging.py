"""One program beside its test text, and the verdict that it must get."""

from __future__ import annotations

from typing import NamedTuple

from openqwq.sandbox import Job, Limits, LocalSandbox


class Judged(NamedTuple):
    name: str
    verdict: str
    code: str
    texts: tuple[str, ...]
    setup: str
    entry_point: str | None

    def check(self, sandbox: LocalSandbox) -> None:
        job = Job(
            self.code,
            mode="asserts",
            asserts=self.texts,
            setup=self.setup,
            entry_point=self.entry_point,
            limits=Limits(4.0),
        )
        outcome = sandbox.run(job)
        assert outcome.verdict == self.verdict, outcome


def judged(name: str, verdict: str, code: str, *texts: str, setup: str = "", entry_point: str | None = None) -> Judged:
    return Judged(name, verdict, code, texts, setup, entry_point)


def name_of(case: Judged) -> str:
    return case.name.replace(" ", "_")
