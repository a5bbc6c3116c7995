"""Judges sampled chunks with the reward workers: repeats failed judgements, and stops the run if failures persist."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openqwq.training.config import Rewards
from openqwq.training.errors import VerifierFailures
from openqwq.training.records import Group, Judged, Prompt, Rollout
from openqwq.training.worker_group import RewardWorkers

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
PORTION = 64
"""Of a smaller portion of samples so many failures are masked as of one of this size."""
LASTING_ERROR = "verifier_error"
"""The verifier or its reference is at fault: the same sample gets the same error again."""


@dataclass(frozen=True)
class Judging:
    """Judges samples, in training steps and in evaluations."""

    workers: RewardWorkers
    warn: Callable[[str], None]
    repair: Callable[[], None]
    """Restarts services that the run itself started, if they are lost: its sandbox."""

    def judged(
        self,
        prompts: Sequence[Prompt],
        chunks: Iterable[Sequence[Rollout]],
        rewards: Rewards,
        of: int | None = None,
    ) -> list[Judged]:
        """Every rollout with its judgement. `of`: the number of all samples, where these are a portion of them.

        Samples that cannot be judged keep the reward None and are left out of updates and accuracies. If they are more
        than `rewards.max_error_fraction` of all, `repair()` is called and they are judged again, after growing pauses;
        not those whose row or verifier is at fault, which another try does not change.

        Raises:
            VerifierFailures: they are still too many after `rewards.error_patience_seconds`, or no try can help.
        """
        rows = {prompt.id: prompt.row for prompt in prompts}
        judged = self.workers.judge(chunks, rows, rewards)
        tolerated = rewards.max_error_fraction * (len(judged) if of is None else max(len(judged), min(of, PORTION)))
        lastingly = rewards.max_error_fraction * (of or len(judged))
        deadline = time.monotonic() + rewards.error_patience_seconds
        pause = FIRST_PAUSE_SECONDS
        while len(failed := _failed(judged)) > tolerated:
            words = _describe(failed, len(judged))
            passing, lasting = _by_chance(failed)
            if not passing and len(lasting) <= lastingly:
                break
            if len(lasting) > lastingly:
                raise VerifierFailures(
                    f"{_describe(lasting, len(judged))}; their rows or verifiers are at fault, so they are not judged "
                    f"again. No reward was given for them. Mend those rows or verifiers, or leave the rows out, and "
                    f"run the same command again to resume"
                )
            if time.monotonic() + pause > deadline:
                raise VerifierFailures(
                    f"{words}; still so after {rewards.error_patience_seconds:g} s. No reward was given for them. "
                    f"Restore the failing part (`openqwq doctor` tests it) and run the same command again to resume"
                )
            self.warn(f"{words}; they are masked and will be judged again in {pause:g} s")
            self.repair()
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            again = self.workers.judge([[entry.rollout for entry in passing]], rows, rewards)
            judged = [entry for entry in judged if entry.judgement.error in (None, LASTING_ERROR)] + again
        if failed:
            self.warn(f"{_describe(failed, len(judged))}; they are masked")
            self.repair()
        return judged


def _failed(judged: Sequence[Judged]) -> list[Judged]:
    return [entry for entry in judged if entry.judgement.error]


def _by_chance(failed: Sequence[Judged]) -> tuple[list[Judged], list[Judged]]:
    """The failed samples that another try may judge, and those that none can."""
    passing = [entry for entry in failed if entry.judgement.error != LASTING_ERROR]
    return passing, [entry for entry in failed if entry.judgement.error == LASTING_ERROR]


def _describe(failed: Sequence[Judged], total: int) -> str:
    statuses = Counter(str(entry.judgement.error) for entry in failed)
    kinds = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
    return f"{len(failed)} of {total} samples could not be judged ({kinds}: {failed[0].judgement.reason[:160]})"


def reward_note(groups: Sequence[Group], extra: Mapping[str, Any]) -> str:
    """The note of the progress bar: the mean reward, and the values of `extra`."""
    rewards = [r for group in groups for r in group.rewards if r is not None]
    mean = sum(rewards) / len(rewards) if rewards else float("nan")
    return "  ".join([f"reward {mean:.3f}", *(f"{name} {value}" for name, value in extra.items())])
