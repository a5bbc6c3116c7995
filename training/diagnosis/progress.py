"""Did the run learn, and did it keep what it had learned: sentences from paired held-out differences."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from openqwq.training.diagnosis.finding import Finding
from openqwq.training.diagnosis.stage_view import StageView
from openqwq.training.run_folder.lenient import mapping, number

SEEN = 1.43
"""Half-widths of a 95 % interval that a true difference must have to be seen four times out of five."""
KEPT = 0.05
"""A fall that must be excluded for a skill to count as kept where the gate does not name another margin."""
LEARNED, UNLEARNED = Finding("learned", "good", ""), Finding("unlearned", "bad", "")
CANNOT_TELL = Finding("cannot_tell", "wait", "")
FATES = {
    "kept": Finding("kept", "good", "kept {}"),
    "lost": Finding("lost", "bad", "lost {}", advice="Give Stage 1's prompts a larger share (`replay: true`)."),
    "perhaps_lost": Finding("perhaps_lost", "wait", "may have lost {}; more held-out rows would tell"),
}


def learned(stages: Sequence[StageView]) -> Iterator[Finding]:
    """One sentence for each stage, of the suites that no earlier one had raised."""
    taught: set[str] = set()
    for stage in stages:
        fresh = [suite for suite in stage.gains if suite not in taught]
        if stage.name not in stage.record.finished:
            yield _under_way(stage)
        elif not stage.gains:
            words = f"{stage.name} was not measured on held-out rows before and after, so nobody can say."
            yield Finding("not_measured", "wait", words, stage.name, "Name suites under `evaluate:`.")
        elif fresh:
            yield _measured(stage, fresh)
        taught |= _raised(stage)


def _raised(stage: StageView) -> set[str]:
    return {suite for suite, (low, _, _) in stage.gains.items() if low > 0}


def _measured(stage: StageView, suites: Sequence[str]) -> Finding:
    rose = [suite for suite in suites if stage.gains[suite][0] > 0]
    fell = [suite for suite in suites if stage.gains[suite][2] < 0]
    rest = [suite for suite in suites if suite not in rose + fell]
    sides = (("raised", rose), ("lowered", fell))
    said = [f"{verb} {', '.join(_moved(stage, suite) for suite in some)}" for verb, some in sides if some]
    if rest:
        widest = max((stage.gains[suite][2] - stage.gains[suite][0]) / 2 * SEEN for suite in rest)
        moved = ", ".join(_moved(stage, suite) for suite in rest)
        said.append(f"of {moved} one cannot tell; a change of {widest:.2f} would show")
    kind = UNLEARNED if fell else LEARNED if rose else CANNOT_TELL
    return replace(kind, words=f"{stage.name} {'; '.join(said)}.", evidence=stage.name)


def _moved(stage: StageView, suite: str) -> str:
    low, value, high = stage.gains[suite]
    before, after = (
        side[suite].accuracy if suite in side else None for side in (stage.entry.before, stage.entry.after)
    )
    levels = (
        f"{before.value:.2f} → {after.value:.2f}, "
        if before and after and before.value is not None and after.value is not None
        else ""
    )
    return f"{suite} ({levels}{value:+.3f} [{low:.3f}, {high:.3f}])".replace("-", "−")


def _under_way(stage: StageView) -> Finding:
    done, reward = stage.record.last_step(stage.name), stage.change("reward/mean")
    where = f"{stage.name} is at step {done} of {stage.entry.steps or '?'}"
    if reward is None:
        return Finding("under_way", "wait", f"{where}: too early to say.", stage.name)
    verb = "rose" if reward.rise > 0 else "fell"
    moved = (
        f"{verb} from {reward.early:.2f} to {reward.late:.2f}" if reward.is_clear else f"stands at {reward.late:.2f}"
    )
    words = f"{where}; the reward on training prompts {moved}. Held-out rows are asked at its end."
    return Finding("under_way", "wait", words, f"{stage.name}-reward")


def kept(stages: Sequence[StageView]) -> Iterator[Finding]:
    """For each stage after the first, what became of the suites that an earlier one raised."""
    taught: set[str] = set()
    for stage in stages:
        fates: dict[str, list[str]] = {}
        for suite in stage.gains:
            if suite in taught:
                fates.setdefault(_fate(stage, suite), []).append(_moved(stage, suite))
        for fate, suites in fates.items():
            yield replace(
                FATES[fate], words=f"{stage.name} {FATES[fate].words.format(', '.join(suites))}.", evidence=stage.name
            )
        taught |= _raised(stage)


def _fate(stage: StageView, suite: str) -> str:
    low, _, high = stage.gains[suite]
    margin = _margin(stage, suite)
    return "kept" if low >= -margin else "lost" if high < 0 else "perhaps_lost"


def _margin(stage: StageView, suite: str) -> float:
    """The largest fall that the recipe's gate allows."""
    return number(mapping(mapping(stage.plan.get("gate")).get("keep")).get(suite)) or KEPT
