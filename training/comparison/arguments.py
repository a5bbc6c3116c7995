"""The words of `openqwq report`, `figure` and `status`. Only parses; what a command calls is imported by it."""

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

    figure = commands.add_parser("figure", help="write one figure of one run or of several as an SVG file")
    figure.add_argument(
        "name",
        choices=["accuracy", "curve", "differences"],
        help="held-out accuracy after each stage; a metric over steps; every run against the first",
    )
    figure.add_argument("run_dirs", type=Path, nargs="+", metavar="RUN")
    figure.add_argument("--out", type=Path, required=True, metavar="FILE.svg")
    figure.add_argument("--stage", help="of a curve (default: the first that has it)")
    figure.add_argument("--metric", default="reward/mean", help="of a curve (default: reward/mean)")
    figure.add_argument("--suite", help="of differences (default: the first)")
    figure.add_argument("--title", help="instead of the figure's own")
    figure.set_defaults(call=_figure)

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


def _figure(options: argparse.Namespace) -> int:
    from openqwq.training.comparison.figures import Choice, write_figure

    choice = Choice(options.stage, options.metric, options.suite, options.title)
    print(write_figure(options.name, options.run_dirs, choice, options.out))
    return 0


def _limit(options: argparse.Namespace) -> dict[str, int]:
    return {"rollout_bytes": options.rollouts_mb * 1_000_000} if options.rollouts_mb else {}


def _status(options: argparse.Namespace) -> int:
    from openqwq.training.reporting.status import print_status

    return print_status(options.run_dir)
