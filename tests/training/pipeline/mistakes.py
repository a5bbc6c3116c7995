"""Mistakes that people make at the command: what they do, and what they are told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.training.pipeline.test_bad_input import write

Tree = dict[str, Any]


@dataclass(frozen=True)
class Mistake:
    """`words` of the command after what `make` did to the folder and the recipe; `said` is a pattern."""

    words: str
    said: str
    make: Callable[[Path, Tree], object] = lambda folder, tree: None
    status: int = 2


def put(name: str, text: str) -> Callable[[Path, Tree], object]:
    return lambda folder, tree: (folder / name).write_text(text)


def set_in(*path: Any) -> Callable[[Path, Tree], object]:
    """Sets a value in the recipe: keys and indices, then the value."""

    def change(folder: Path, tree: Tree) -> None:
        node: Any = tree
        for key in path[:-2]:
            node = node[key]
        node[path[-2]] = path[-1]

    return change


def verifier(name: str, **more: Any) -> Callable[[Path, Tree], object]:
    return set_in("rewards", "tasks", "math", {"verifiers": [{"name": name, **more}]})


def with_code(code: str, name: str) -> Callable[[Path, Tree], object]:
    def change(folder: Path, tree: Tree) -> None:
        (folder / "mine.py").write_text(code)
        verifier(name)(folder, tree)

    return change


def unwritable(folder: Path, tree: Tree) -> None:
    (folder / "taken").write_text("a file")


def other_run(folder: Path, tree: Tree) -> None:
    (folder / "old").mkdir()
    (folder / "old" / "recipe.yaml").write_text(yaml.safe_dump({**tree, "seed": 7}))
    (folder / "old" / "state.json").write_text("{}")


def rows(*lines: Any) -> Callable[[Path, Tree], object]:
    return lambda folder, tree: write(folder, "rows.jsonl", *lines)


ROW = {"id": "a", "prompt": "2+2?", "task": "math", "reference": {"answer": "4"}}
RUN = "run mine.yaml --run-dir run"
MISTAKES = {
    # the command and its files
    "a recipe that is not there": Mistake(
        "run recipes/quick.yaml", "no recipe 'recipes/quick.yaml'.*did you mean quickstart"
    ),
    "a shipped recipe without its folder": Mistake("run nodes_16", "did you mean qwq_32b/nodes_16"),
    "a folder as a recipe": Mistake("run .", r"no recipe '\.'"),
    "a recipe that is no YAML": Mistake("run broken.yaml", "not readable as YAML", put("broken.yaml", "a: [1,")),
    "a recipe that is a list": Mistake(
        "run list.yaml", "a recipe is a mapping of keys, got list", put("list.yaml", "- a")
    ),
    "a recipe that is empty": Mistake(
        "run empty.yaml", "a recipe is a mapping of keys, got NoneType", put("empty.yaml", "")
    ),
    "a recipe that is binary": Mistake(
        "run b.yaml", "not readable as YAML", lambda f, t: (f / "b.yaml").write_bytes(b"\xff\0")
    ),
    "a recipe that extends itself": Mistake(
        "run me.yaml", "in a circle: me.yaml -> me.yaml", put("me.yaml", "extends: me.yaml")
    ),
    "two recipes that extend each other": Mistake(
        "run a.yaml",
        "in a circle: a.yaml -> b.yaml -> a.yaml",
        lambda f, t: [(f / f"{x}.yaml").write_text(f"extends: {y}.yaml") for x, y in ("ab", "ba")],
    ),
    "a recipe that extends nothing": Mistake(
        "run c.yaml", "no recipe 'gone.yaml'", put("c.yaml", "extends: gone.yaml")
    ),
    "an ablation that is run": Mistake("run ablations/group_size", "is an ablation, no recipe; `openqwq ablate"),
    "a recipe that is ablated": Mistake("ablate quickstart", "no ablation 'quickstart'; shipped ablations are"),
    "an override without a value": Mistake(f"{RUN} seed", "unrecognized|an override is key=value, got 'seed'"),
    "an override that is no YAML": Mistake(f"{RUN} seed=[1", r"override seed: '\[1' is not YAML"),
    "an override of no key": Mistake(f"{RUN} seeed=1", "seeed: unknown key; did you mean 'seed'"),
    "an override of no stage": Mistake(f"{RUN} stages.stage9.steps=1", "no entry 'stage9'; did you mean 'stage1'"),
    "a number that is none": Mistake(f"{RUN} stages.stage1.steps=many", "steps: .*got 'many'"),
    "a number that is too small": Mistake(f"{RUN} stages.stage1.steps=0", "greater than 0.*got 0"),
    "a section that is a number": Mistake(f"{RUN} rewards=3", "rewards: .*got 3"),
    "a run folder that is a file": Mistake("run mine.yaml --run-dir taken", "is a file; choose another", unwritable),
    "a run folder below a file": Mistake(
        "run mine.yaml --run-dir taken/run", "cannot be written: Not a directory", unwritable
    ),
    "a run folder of the system": Mistake(
        "run mine.yaml --run-dir /proc/run", "run folder /proc/run cannot be written"
    ),
    "a run folder of another recipe": Mistake("run mine.yaml --run-dir old", "seed", other_run),
    "a run folder with other things": Mistake("run mine.yaml --run-dir .", "is not empty and holds no run"),
    "a report of no run": Mistake("report nowhere", "no run folder nowhere; a run writes to"),
    "a report of a file": Mistake("report mine.yaml", "no run folder mine.yaml; a run writes to"),
    "a replay of no run": Mistake("replay nowhere --step 1", "nowhere is no run folder: it has no recipe.yaml"),
    "an evaluation of no suite": Mistake("eval data/tiny/base --suite nine --recipe mine.yaml", "no suite 'nine'"),
    "an evaluation without a recipe": Mistake(
        "eval data/tiny/base --suite math", "name the recipe of another suite with --recipe"
    ),
    "an evaluation of no model": Mistake(
        "eval ./nowhere --suite held_out --recipe mine.yaml", "no model folder './nowhere'"
    ),
    "a key that is not there": Mistake("explain stages.stage1.stepz", "did you mean 'stages.stage1.steps'"),
    "a plan of no recipe": Mistake("plan nowhere", "no recipe 'nowhere'"),
    # the model
    "a typo in the path of a model": Mistake(
        RUN, "no model folder '.*tiny/bse'.*did you mean .*tiny/base", set_in("model", "data/tiny/bse")
    ),
    "a model path that is not there": Mistake(
        RUN, "no model folder '/nowhere/model'", set_in("model", "/nowhere/model")
    ),
    "a folder that holds no model": Mistake(RUN, "is a folder without a config.json", set_in("model", "data/tiny")),
    "a file as a model": Mistake(RUN, "is a file, and no model", set_in("model", "mine.yaml")),
    "a model whose config is damaged": Mistake(
        RUN,
        "tokenizer of '.*broken'|config of '.*broken'",
        lambda f, t: (
            shutil.copytree(t["model"], f / "broken"),
            (f / "broken/config.json").write_text("{"),
            t.update(model=str(f / "broken")),
        ),
    ),
    "a template that is not there": Mistake(
        RUN, "no file 'mine.jinja'|no such file for 'mine.jinja'", set_in("chat_template", "mine.jinja")
    ),
    "an end of turn that is no token": Mistake(
        RUN,
        "is 9 tokens of the tokenizer; it must be one: give another `end_of_turn`",
        set_in("end_of_turn", "the end of it all"),
    ),
    # the data
    "data that is not there": Mistake(
        RUN, "no data file 'gone.jsonl'", set_in("stages", 1, "prompts", 0, "source", "gone.jsonl")
    ),
    "data of no known kind": Mistake(
        RUN,
        "data files end in",
        lambda f, t: ((f / "r.txt").write_text("a"), t["stages"][1]["prompts"][0].update(source="r.txt")),
    ),
    "a row that is no JSON": Mistake(RUN, r"rows.jsonl:1: not JSON", put("rows.jsonl", "{'a': 1}\n")),
    "an empty file": Mistake(RUN, "rows.jsonl: no rows", put("rows.jsonl", "")),
    "rows without a task": Mistake(
        RUN, "column 'task' is missing; add it or set `task:`", rows({k: v for k, v in ROW.items() if k != "task"})
    ),
    "a task that nothing judges": Mistake(
        RUN, "task 'sums' has no entry in rewards.tasks", rows({**ROW, "task": "sums"})
    ),
    "rows of a published form": Mistake(RUN, "set `form: gsm8k`", rows({"question": "q", "answer": "#### 4"})),
    "a form that is not there": Mistake(
        RUN, "no form is named 'gsm'", set_in("stages", 1, "prompts", 0, "form", "gsm")
    ),
    "references that are not readable": Mistake(
        RUN, "no row has a reference that can be used", rows({**ROW, "reference": ""})
    ),
    "two rows of one id": Mistake(RUN, "id 'a' is in more than one row", rows(ROW, {**ROW, "prompt": "3+1?"})),
    "a range without rows": Mistake(
        RUN, r"no rows in rows=\[9, 12\]", set_in("stages", 1, "prompts", 0, "rows", [9, 12])
    ),
    # verifiers and algorithms
    "a verifier that is not there": Mistake(RUN, "no verifier is named 'maht'; did you mean math", verifier("maht")),
    "a verifier file that is not there": Mistake(RUN, "no such file for 'gone.py:f'", verifier("gone.py:f")),
    "a verifier with a fault in its file": Mistake(
        RUN, "fails to import: SyntaxError", with_code("def f(:", "mine.py:f")
    ),
    "a verifier that takes other things": Mistake(
        RUN, r"a verifier takes \(response, row\)", with_code("def f(a, b, c): 1", "mine.py:f")
    ),
    "a verifier that always raises": Mistake(
        RUN,
        "verifier f fails on row 'a': verifier_error.*ZeroDivisionError",
        with_code("def f(response, row): return 1 / 0", "mine.py:f"),
    ),
    "a score outside its range": Mistake(
        RUN, r"a score must be in \[0, 1\], got -1.*`range", with_code("def f(response, row): return -1", "mine.py:f")
    ),
    "a range of a built-in": Mistake(RUN, "`range` is for functions of your own", verifier("math", range=[-1, 0])),
    "an algorithm that is not there": Mistake(
        RUN, "no algorithm 'grppo'; known are grpo", set_in("stages", 1, "algorithm", {"name": "grppo"})
    ),
    "a group of one": Mistake(RUN, "group_size is 1; use group_size >= 2", set_in("stages", 1, "group_size", 1)),
    "a gate on no suite": Mistake(
        RUN,
        r"gates on \['maths'\] without evaluating it; add it to `evaluate`",
        set_in("stages", 1, "gate", {"gain": {"maths": 0.1}}),
    ),
    # the machines
    "a cluster that does not answer": Mistake(
        RUN, "nothing answers at cluster.address=127.0.0.1:9", set_in("cluster", {"address": "127.0.0.1:9"})
    ),
    "more GPUs than there are": Mistake(RUN, "9 GPUs are more than", set_in("cluster", {"trainer": {"gpus": 9}})),
    "a sandbox that does not answer": Mistake(
        RUN,
        "verifier code fails on row|reference cannot be checked",
        lambda f, t: (
            t.update(sandbox={"url": "http://127.0.0.1:9"}),
            t["rewards"].update(error_patience_seconds=0),
            verifier("code", arguments={"timeout_seconds": 0.2})(f, t),
            write(f, "rows.jsonl", {**ROW, "reference": {"tests": [{"input": "", "output": "4"}]}}),
        ),
    ),
}
