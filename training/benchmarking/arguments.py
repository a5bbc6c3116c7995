"""The words of `openqwq eval`, `regrade` and `compare`. Only parses; what a command calls is imported by it."""

import argparse
import sys
from pathlib import Path
from typing import Any


def add_evaluation_commands(commands: Any, count: Any, make_stop: Any) -> None:
    """Add the commands to argparse's subparsers. `count` parses a count, `make_stop` makes what hears Ctrl-C."""
    evaluate = commands.add_parser("eval", help="measure a model on benchmarks, or on suites of a recipe")
    evaluate.add_argument("model", help="folder or hub id; with --endpoint the server's name for it")
    evaluate.add_argument(
        "--suite", required=True, action="append", help="shipped suite, file, or suite of the recipe; may come again"
    )
    evaluate.add_argument("--recipe", help="recipe that defines suites (default: that of the run the model lies in)")
    evaluate.add_argument(
        "overrides", nargs="*", metavar="key=value", help="of the recipe; of a suite: suites.NAME.key"
    )
    evaluate.add_argument("--settings", metavar="S", help="sampling of qwq, qwen3, r1 or greedy instead of the suite's")
    evaluate.add_argument("--samples", type=count, metavar="K", help="samples of each problem, instead of the suite's")
    evaluate.add_argument("--out", type=Path, help="folder of answers and results (default: evals/<model>)")
    evaluate.add_argument("--json", type=Path, help="also write the results here")
    evaluate.add_argument("--inline", action="store_true", help="everything in one process, without Ray")
    evaluate.add_argument("--endpoint", metavar="URL", help="ask this OpenAI-compatible server, such as http://host/v1")
    evaluate.add_argument("--concurrency", type=count, default=32, help="requests to the endpoint at a time")
    evaluate.add_argument("--requests-per-minute", type=count, help="limit of the endpoint")
    evaluate.add_argument("--tokens-per-minute", type=count, help="limit of the endpoint")
    evaluate.add_argument("--request-seconds", type=count, default=3600, help="how long an answer may take (an hour)")
    evaluate.add_argument(
        "--opens-thinking", action="store_true", help="the endpoint's template opens <think> and nothing splits it off"
    )
    evaluate.add_argument("--key-variable", default="OPENAI_API_KEY", help="environment variable with its key")
    evaluate.set_defaults(call=lambda options: _eval(options, make_stop()))

    regrade = commands.add_parser("regrade", help="judge kept answers again, by other verifiers or references")
    regrade.add_argument("folder", type=Path, help="folder of `eval --out`, or RUN/evals/<stage>")
    regrade.add_argument("--suite", action="append", default=[], help="only this one; may come again")
    regrade.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. rewards.tasks.math.verifiers=[...]")
    regrade.add_argument("--out", type=Path, help="also write the judged answers to this folder")
    regrade.set_defaults(call=_regrade)

    compare = commands.add_parser("compare", help="are evaluations better or worse than the first, or can nobody tell?")
    compare.add_argument("places", nargs="+", type=Path, metavar="EVALUATION", help="folder of `eval`, or RUN/evals/X")
    compare.add_argument("--suite", action="append", default=[], help="only this one; may come again")
    compare.add_argument("--json", type=Path, help="also write the table here")
    compare.set_defaults(call=_compare)


def _eval(options: argparse.Namespace, stop: Any) -> int:
    from openqwq.training.benchmarking.measure import EvalOptions, evaluate_model
    from openqwq.training.endpoint.settings import EndpointSettings

    endpoint = options.endpoint and EndpointSettings(
        options.endpoint,
        key_variable=options.key_variable,
        concurrency=options.concurrency,
        requests_per_minute=options.requests_per_minute,
        tokens_per_minute=options.tokens_per_minute,
        request_seconds=options.request_seconds,
        opens_thinking=options.opens_thinking,
    )
    chosen = EvalOptions(
        recipe=options.recipe,
        overrides=options.overrides,
        settings=options.settings,
        samples=options.samples,
        out=options.out,
        json=options.json,
        endpoint=endpoint,
        is_inline=options.inline,
    )
    return evaluate_model(options.model, options.suite, chosen, stop)


def _regrade(options: argparse.Namespace) -> int:
    from openqwq.training.benchmarking.regrade import regrade

    return regrade(options.folder, options.suite, options.overrides, options.out)


def _compare(options: argparse.Namespace) -> int:
    from openqwq.training.benchmarking.compare import compare

    if len(options.places) < 2:
        print("openqwq: compare takes at least two evaluations", file=sys.stderr)
        return 2
    return compare(options.places, options.suite, options.json)
