"""The rows of the suites of an evaluation, with the sandbox that their references and answers need, if any."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from openqwq.training.config import Recipe, Sandbox, VerifierUse
from openqwq.training.environments.catalogue import takes_sandbox
from openqwq.training.evaluation.examination import suite_rewards
from openqwq.training.pipeline.preflight import load_suites
from openqwq.training.pipeline.sandbox_service import SandboxService
from openqwq.training.records import Prompt
from openqwq.training.rewards.routing import distinct_uses, runs_programs
from openqwq.training.worker_group import environments_of


@contextlib.contextmanager
def loaded_rows(
    recipe: Recipe, warn: Callable[[str], None]
) -> Iterator[tuple[dict[str, list[Prompt]], SandboxService]]:
    """The rows of the recipe's suites, checked by the verifiers that will judge them, and the sandbox of these. A
    sandbox is started only where a verifier runs programs or an environment asks for it.

    Raises:
        OpenqwqError: unusable rows, a verifier that does not exist, no sandbox.
    """
    with contextlib.ExitStack() as stack:
        is_declared = any(map(runs_programs, _declared(recipe))) or any(
            map(takes_sandbox, environments_of(recipe).values())
        )
        sandbox = stack.enter_context(SandboxService(recipe.sandbox if is_declared else Sandbox(url=()), warn))
        prompts = load_suites(recipe.evaluation, recipe.rewards, warn, sandbox_urls=sandbox.urls)
        if not is_declared and any(map(runs_programs, _named_by_rows(recipe, prompts))):
            sandbox = stack.enter_context(SandboxService(recipe.sandbox, warn))
        yield prompts, sandbox


def _declared(recipe: Recipe) -> Iterator[VerifierUse]:
    """The verifiers of the tasks that the suites' sources state; of all tasks where one states none."""
    for name, suite in recipe.evaluation.suites.items():
        tasks = suite_rewards(recipe.rewards, recipe.evaluation, name).tasks
        stated = {source.task for source in suite.sources}
        for task, reward in tasks.items():
            if task in stated or (None in stated and task in suite.rewards):
                yield from reward.uses


def _named_by_rows(recipe: Recipe, prompts: Mapping[str, Sequence[Prompt]]) -> Iterator[VerifierUse]:
    for name, items in prompts.items():
        rewards = suite_rewards(recipe.rewards, recipe.evaluation, name)
        yield from (use for use, _ in distinct_uses(rewards, items))
