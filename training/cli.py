"""The `openqwq` command: parses and calls, nothing else. Heavy modules are imported by the command that needs them."""

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import openqwq
from openqwq.training.benchmarking.arguments import add_evaluation_commands
from openqwq.training.comparison.arguments import add_looking_commands
from openqwq.training.errors import OpenqwqError
from openqwq.training.pipeline.stop_request import StopRequest as StopRequest
from openqwq.training.run_folder.failures import told
from openqwq.training.trying.arguments import add_environment_commands
from openqwq.verifiers.base import VerifierError

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when the hub client is imported
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status: 0 done, 1 failed or a gate failed, 2 unusable input, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:2] == ["sandbox", "serve"]:  # the server reads its own options
        from openqwq.sandbox.server import main as serve

        return serve(words[2:])
    if words[:1] == ["verify"]:  # the workbench as well: it needs nothing of training
        from openqwq.verifiers.workbench.command import main as verify

        return verify(words[1:])
    warnings.showwarning = _show_warning
    parser = _parser()
    options, late = parser.parse_known_args(words)  # argparse takes no key=value behind an option
    if any(word.startswith("-") or "=" not in word for word in late) or (late and not hasattr(options, "overrides")):
        parser.error(f"unrecognized arguments: {' '.join(late)}")
    if late:
        options.overrides = [*options.overrides, *late]
    try:
        status: int = options.call(options)
        return status
    except (OpenqwqError, VerifierError) as error:
        print(f"openqwq: {error}", file=sys.stderr)
        return getattr(error, "exit_status", 2)
    except KeyboardInterrupt:
        print("openqwq: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a longer work went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:  # the only door: what nobody expected is one line, too
        known = told(error)
        print(f"openqwq: {known}", file=sys.stderr)
        return known.exit_status


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """An old name in a recipe is the user's business: one line. Warnings of libraries keep their place."""
    if category.__name__ == "RenamedKey":
        print(f"openqwq: warning: {message}", file=sys.stderr)
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="openqwq", description="Two-stage outcome-reward RL of reasoning models.")
    parser.add_argument("--version", action="version", version=f"openqwq {openqwq.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run a recipe, or go on with one")
    run.add_argument("recipe", help="path of a recipe, or the name of a shipped one")
    run.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. seed=1 stages.stage1.steps=10")
    run.add_argument("--run-dir", type=Path, help="run folder (default: runs/<name>-seed<seed>)")
    run.add_argument(
        "--resume",
        choices=["auto", "never", "extend"],
        default="auto",
        help="auto: go on with the run in the folder; extend: with more steps, another learning rate, other prompts",
    )
    run.add_argument("--inline", action="store_true", help="everything in one process, without Ray (for debugging)")
    run.add_argument(
        "--dry-run", action="store_true", help="check model, placement, data and verifiers, start nothing, and stop"
    )
    run.set_defaults(call=_run)

    add_evaluation_commands(commands, _count, StopRequest)

    plan = commands.add_parser("plan", help="does a recipe fit a cluster, how long does a step take, what does it cost")
    plan.add_argument("recipe", help="path of a recipe, or the name of a shipped one")
    plan.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. cluster.trainer.offload=optimizer")
    plan.add_argument("--nodes", type=_count, action="append", help="instead of the recipe's; again: compare them")
    plan.add_argument("--gpus-per-node", type=_count)
    plan.add_argument("--gpu", help="kind of GPU, e.g. h100, h200, a100")
    plan.add_argument(
        "--lengths", type=Path, metavar="RUN", help="response lengths of this run instead of assumed ones"
    )
    plan.add_argument("--simulate", action="store_true", help="also simulate sync, partial and async rollouts")
    plan.add_argument("--json", action="store_true", help="print JSON")
    plan.add_argument(
        "--stop-within", type=Path, metavar="RUN", help="print only the seconds that a run in this folder, which need "
        "not exist, takes to stop: for schedulers",
    )  # fmt: skip
    plan.set_defaults(call=_plan)

    data = commands.add_parser("data", help="look at data as a run would see it").add_subparsers(
        required=True, metavar="ACTION"
    )
    for action, words in (
        ("show", "ten rows as the run would see them, lengths, repeated rows, what would be dropped and why"),
        ("check", "the same without the rows, and the overlap of training prompts with suites"),
    ):
        look = data.add_parser(action, help=words, description=words)
        look.add_argument("source", nargs="?", help="file, glob, folder or hub id; with --recipe a stage or a suite")
        look.add_argument("overrides", nargs="*", metavar="key=value", help="of the source, e.g. form=gsm8k; of R")
        look.add_argument(
            "--recipe", metavar="R", help="look at this recipe's data, by its model, template and rewards"
        )
        if action == "show":
            look.add_argument("--rows", type=_count, default=10, help="rows to show of each source (default: 10)")
        look.set_defaults(call=_data, action=action)

    ablate = commands.add_parser("ablate", help="run the arms of an ablation over seeds and print one table")
    ablate.add_argument("ablation", help="path of an ablation, or the name of a shipped one")
    ablate.add_argument("overrides", nargs="*", metavar="key=value", help="laid over every arm")
    ablate.add_argument("--run-dir", type=Path, help="folder of the arms' runs (default: runs/<ablation name>)")
    ablate.add_argument("--table", type=Path, help="also write the table, in Markdown, to this file")
    ablate.add_argument("--seeds", type=_seeds, default=(), metavar="S,S", help="instead of the ablation's, e.g. 0,1,2")
    ablate.add_argument("--only", action="append", default=[], metavar="ARM", help="run this arm alone; may come again")
    ablate.add_argument("--inline", action="store_true", help="each run in one process, without Ray")
    ablate.add_argument("--parallel", type=_count, default=1, metavar="N", help="runs at a time (default: 1)")
    ablate.set_defaults(call=_ablate)

    export = commands.add_parser("export", help="write a checkpoint as a folder that transformers and vLLM load")
    export.add_argument(
        "checkpoint", metavar="RUN_OR_CHECKPOINT", help="run, checkpoint, model or adapter folder; hub id"
    )
    export.add_argument("target", metavar="DIR", type=Path, help="folder to write, empty or not there")
    export.add_argument("--stage", help="stage of a run (default: the last one that has a policy)")
    export.add_argument("--dtype", choices=["bfloat16", "float32", "float16"], default="bfloat16")
    export.add_argument("--max-shard-size", default="5GB", metavar="SIZE", help="of a weights file (default: 5GB)")
    export.add_argument("--yarn", action="store_true", help="scale the context by 4; may hurt short texts")
    export.add_argument("--license", metavar="ID", help="e.g. apache-2.0 (default: what the base model's card says)")
    export.add_argument(
        "--serve-check", action="store_true", help="load it by transformers, our engine and vLLM; are answers the same?"
    )
    export.add_argument("--check-dtype", choices=["float32", "bfloat16", "float16"], default="float32")
    export.set_defaults(call=_export)

    add_looking_commands(commands, _count)
    add_environment_commands(commands, _count)

    replay = commands.add_parser("replay", help="compute a logged step again: is it identical?")
    replay.add_argument("run_dir", type=Path)
    replay.add_argument("--step", type=int, required=True)
    replay.add_argument("--stage", help="RL stage (default: the last one that has logged the step)")
    replay.set_defaults(call=_replay)

    explain = commands.add_parser("explain", help="what a key of a recipe means, its default and what it may be")
    explain.add_argument("key", nargs="?", help="e.g. stages.stage1.schedule.kind; default: the top-level keys")
    explain.set_defaults(call=_explain)

    schema = commands.add_parser("schema", help="print the JSON schema of a recipe, for editors of YAML")
    schema.add_argument("--ablation", action="store_true", help="that of an ablation instead")
    schema.set_defaults(call=_schema)

    commands.add_parser("verify", help="try a verifier on labelled and on degenerate answers", add_help=False)

    doctor = commands.add_parser("doctor", help="what this machine has and what would be used")
    doctor.add_argument(
        "--cluster", nargs="?", const="auto", metavar="HOST:PORT", help="every machine of a Ray cluster [auto]"
    )
    doctor.add_argument("--runs", type=Path, default=Path("runs"), help="with --cluster: folder of the runs [runs]")
    doctor.set_defaults(call=_doctor)

    sandbox = commands.add_parser("sandbox", help="the code sandbox").add_subparsers(required=True, metavar="ACTION")
    check = sandbox.add_parser("check", help="what this host can really isolate, found by trying attacks")
    check.set_defaults(call=_sandbox_check)
    sandbox.add_parser("serve", help="serve the sandbox over HTTP (`openqwq sandbox serve --help`)", add_help=False)
    return parser


def _run(options: argparse.Namespace) -> int:
    from openqwq.training.config.files import load_recipe
    from openqwq.training.pipeline.launch import launch

    recipe = load_recipe(options.recipe, options.overrides)
    if options.dry_run:
        from openqwq.training.pipeline.dry_run import dry_run

        return dry_run(recipe)
    stop = StopRequest()
    return launch(recipe, options.run_dir, options.resume, stop, options.inline)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"a count of at least 1, got {text!r}")
    return int(text)


def _seeds(text: str) -> tuple[int, ...]:
    if not all(part.strip().isdigit() for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"seeds with commas between them, such as 0,1,2; got {text!r}")
    return tuple(dict.fromkeys(int(part) for part in text.split(",")))


def _plan(options: argparse.Namespace) -> int:
    from openqwq.training.planning.command import plan_command

    return plan_command(
        options.recipe,
        options.overrides,
        options.nodes or [],
        options.gpus_per_node,
        options.gpu,
        options.lengths,
        options.simulate,
        options.json,
        options.stop_within,
    )


def _data(options: argparse.Namespace) -> int:
    from openqwq.training.inspection.command import data_check, data_show

    source, words = options.source, options.overrides
    if options.recipe is not None and source is not None and "=" in source:
        source, words = None, [source, *words]
    if options.action == "check":
        return data_check(source, options.recipe, words)
    return data_show(source, options.recipe, words, options.rows)


def _ablate(options: argparse.Namespace) -> int:
    from openqwq.training.ablation.run import run_ablation
    from openqwq.training.ablation.starting import RunProcesses

    start = RunProcesses(["--inline"] if options.inline else [], options.parallel)
    return run_ablation(
        options.ablation,
        options.overrides,
        options.run_dir,
        options.table,
        start,
        seeds=options.seeds,
        only=options.only,
        at_once=options.parallel,
    )


def _export(options: argparse.Namespace) -> int:
    from openqwq.training.export.command import ExportOptions, export

    chosen = ExportOptions(
        options.stage,
        options.dtype,
        options.max_shard_size,
        options.yarn,
        options.license,
        options.serve_check,
        options.check_dtype,
    )
    return export(options.checkpoint, options.target, chosen)


def _replay(options: argparse.Namespace) -> int:
    from openqwq.training.pipeline.replay import replay

    return replay(options.run_dir, options.step, options.stage)


def _explain(options: argparse.Namespace) -> int:
    from openqwq.training.config.explain import explain

    return _show(explain(options.key))


def _schema(options: argparse.Namespace) -> int:
    import json

    from openqwq.training.ablation.schema import Ablation
    from openqwq.training.config.json_schema import recipe_schema, section_schema

    schema = section_schema(Ablation) if options.ablation else recipe_schema()
    return _show(json.dumps(schema, indent=2, ensure_ascii=False))


def _show(text: str) -> int:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader has enough, as in `openqwq explain stages | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _doctor(options: argparse.Namespace) -> int:
    if options.cluster:
        from openqwq.training.cluster.examination import examine as examine_cluster

        return examine_cluster(options.cluster, options.runs.absolute())
    from openqwq.training.doctor import examine

    return examine()


def _sandbox_check(options: argparse.Namespace) -> int:
    from openqwq.sandbox.probe import describe_host

    print(describe_host())
    return 0


if __name__ == "__main__":
    sys.exit(main())
