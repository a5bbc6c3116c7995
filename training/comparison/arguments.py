"""The words of `openqwq report` and `openqwq status`. Only parses; what a command calls is imported by it."""

import argparse
from pathlib import Path
from typing import Any

from openqwq.training.errors import RunFolderError


def add_looking_commands(commands: Any, count: Any) -> None:
    """Add the commands to argparse's subparsers. `count` parses a count."""
    report = commands.add_parser("report", help="write report.html of a run folder, or one page of several runs")
    report.add_argument("run_dirs", type=Path, nargs="+", metavar="RUN", help="run folder; the first is the baseline")
    report.add_argument(
        "--rollouts-mb", type=count, metavar="MB", help="compressed rollouts in the page at most (default: 3.3)"
    )
    report.add_argument(
        "--out", type=Path, help="file of the page of several runs (default: comparison.html in this folder)"
    )
    report.add_argument("--watch", action="store_true", help="serve the page on this machine while the run goes on")
    report.set_defaults(call=_report)

    status = commands.add_parser("status", help="what a run does, how far it is, and whether it is sound")
    status.add_argument("run_dir", type=Path, metavar="RUN")
    status.set_defaults(call=_status)


def _report(options: argparse.Namespace) -> int:
    if options.watch and len(options.run_dirs) > 1:
        raise RunFolderError("--watch serves one run; name one folder")
    if options.watch:
        from openqwq.training.reporting.watch import watch

        return watch(options.run_dirs[0], lambda address: print(address, flush=True), **_limit(options))
    if len(options.run_dirs) > 1:
        from openqwq.training.comparison.several import write_comparison

        print(write_comparison(options.run_dirs, options.out or Path("comparison.html")))
        return 0
    from openqwq.training.reporting.report import write_report

    print(write_report(options.run_dirs[0], options.out, **_limit(options)))
    return 0


def _limit(options: argparse.Namespace) -> dict[str, int]:
    return {"rollout_bytes": options.rollouts_mb * 1_000_000} if options.rollouts_mb else {}


def _status(options: argparse.Namespace) -> int:
    from openqwq.training.reporting.status import print_status

    return print_status(options.run_dir)
