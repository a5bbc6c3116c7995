"""The arguments of `openqwq env`: parses and calls, nothing else."""

import argparse
from typing import Any


def add_environment_commands(commands: Any, count: Any) -> None:
    """Add the command to argparse's subparsers. `count` parses a count."""
    words = "environments: which there are, and an episode of one in the terminal"
    actions = commands.add_parser("env", help=words, description=words).add_subparsers(required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="built-in environments and those of installed packages, with their tools")
    listing.set_defaults(call=_list)

    words = (
        'Play an episode. By hand, a line is a call, such as `search(query="a")` or `search {"query": "a"}`; any '
        "other line is the answer, and ends the episode. Lines may come from a pipe."
    )
    trying = actions.add_parser("try", help="play an episode by hand or by a model", description=words)
    trying.add_argument("name", metavar="NAME", help="of an environment, or path.py:Attribute")
    trying.add_argument("--model", metavar="M", help="folder or hub id of a model that plays (default: by hand)")
    trying.add_argument("--row", metavar="FILE[:N]", help="play row N (default: 1) of a file of JSON lines")
    trying.add_argument("--arguments", metavar="JSON", help="as in a recipe, e.g. '{\"highest\": 9}'")
    trying.add_argument("--seed", type=int, default=0, help="of the environment and of the model's draws (default: 0)")
    trying.add_argument("--turns", type=count, default=16, metavar="N", help="of a model at most (default: 16)")
    trying.add_argument("--tokens", type=count, default=512, metavar="N", help="of a model's turn (default: 512)")
    trying.set_defaults(call=_try)


def _list(options: argparse.Namespace) -> int:
    from openqwq.training.trying.command import list_environments

    return list_environments()


def _try(options: argparse.Namespace) -> int:
    from openqwq.training.trying.command import TryOptions, try_environment

    chosen = TryOptions(
        options.name, options.model, options.row, options.arguments, options.seed, options.turns, options.tokens
    )
    return try_environment(chosen)
