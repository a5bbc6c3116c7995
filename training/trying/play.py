"""One episode as a run plays it: the environment begins, turns and answers follow each other, the end is judged."""

import time
from collections.abc import Mapping
from typing import Any

from openqwq.training.environments.episode import Episode, EpisodeMaker
from openqwq.training.trying.players import Player
from openqwq.training.trying.screen import Screen

CLOSE_SECONDS = 5.0


def play(
    maker: EpisodeMaker, row: Mapping[str, Any], player: Player, screen: Screen, seed: int, turns: int
) -> float | None:
    """Play an episode to its end and return its reward, None where the environment has none.

    Raises:
        EpisodeFailure: the environment failed; in a run its sample would be masked.
    """
    episode = maker.episode(tuple(row.get("tools") or ()), player.call_format)
    try:
        _converse(episode, row, player, screen, seed, turns)
        episode.end(is_judged=True).result()
    except BaseException:  # Ctrl-C, too
        episode.give_up()
        episode.wait_until_given_up(time.monotonic() + CLOSE_SECONDS)
        raise
    return episode.notes.reward


def _converse(episode: Episode, row: Mapping[str, Any], player: Player, screen: Screen, seed: int, turns: int) -> None:
    begun = episode.begin(row, seed).result()
    messages = [*row["prompt"], *begun.opening]
    screen.tools(episode.tools)
    screen.line()
    for message in messages:
        screen.message(message)
    player.begin(messages, episode.tools)
    for _ in range(turns):
        text = player.turn()
        if text is None:
            return
        result = episode.step(text).result()
        if result.done or not result.messages:
            return
        for message in result.messages:
            screen.message(message)
        player.hear(result.messages, episode.max_answer_characters)
    screen.labelled("problem", f"{turns} turns are over")
