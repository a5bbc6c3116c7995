"""An environment is begun before the run: what fails is said, and so is what its tools take of the context."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from openqwq.training.cli import main
from openqwq.training.config import EnvironmentUse, Recipe
from openqwq.training.environments.episode import EpisodeMaker, episode_makers
from openqwq.training.errors import RecipeError
from openqwq.training.pipeline.first_episodes import begin_environments, first_episode, warn_of_environments
from openqwq.training.pipeline.preflight import preflight
from openqwq.training.templates.codec import ChatCodec
from tests.training.small_records import make_prompt

SHOP = """
from openqwq.training.environments.contract import StepResult

closed = []


class Shop:
    def __init__(self, closes_on=""): self.closes_on = closes_on
    def tools(self): return [{"name": "buy", "parameters": {"type": "object", "properties": {}}}]
    def reset(self, task, seed):
        if task["id"] in self.closes_on.split():
            raise RuntimeError("the shop is closed")
        return [{"role": "user", "content": "welcome"}]
    def step(self, turn): return StepResult([], done=True)
    def reward(self): raise AssertionError("nothing is judged here")
    def close(self): closed.append(1)
"""


@pytest.fixture
def place(tmp_path: Path) -> str:
    (tmp_path / "shop.py").write_text(SHOP)
    return f"{tmp_path / 'shop.py'}:Shop"


def maker(place: str, **arguments: Any) -> EpisodeMaker:
    return episode_makers({"shop": EnvironmentUse(name=place, arguments=arguments)})["shop"]


def recipe_of(base: str, folder: Path, place: str, **sampling: Any) -> dict[str, Any]:
    row = {"id": "r0", "task": "shop", "prompt": "Buy one.", "reference": ""}
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    stage = {"name": "stage1", "kind": "rl", "steps": 1, "prompts": [{"source": str(folder / "rows.jsonl")}]}
    task = {"environment": place, "verifiers": [{"name": "environment"}]}
    return {
        "name": "shop",
        "model": base,
        "rewards": {"tasks": {"shop": task}},
        "stages": [{**stage, "sampling": {"max_new_tokens": 8, **sampling}}],
    }


def test_an_environment_is_begun_on_the_first_row_that_it_takes_and_its_tokens_are_counted(
    place: str, codec: ChatCodec
) -> None:
    rows = [make_prompt(n, "shop") for n in range(3)]
    found = first_episode(maker(place, closes_on="p0 p1"), rows, codec)
    shown = (*rows[2].messages, {"role": "user", "content": "welcome"})
    tools = [{"name": "buy", "parameters": {"type": "object", "properties": {}}}]
    assert (found.prompt_id, found.tools, found.num_tokens) == ("p2", ("buy",), len(codec.prompt(shown, tools)[0]))
    assert found.num_added == found.num_tokens - len(codec.prompt(rows[2].messages, ())[0]) > 0


def test_one_that_begins_no_row_is_refused_with_every_reason(place: str, codec: ChatCodec) -> None:
    with pytest.raises(RecipeError, match=r"row 'p0': .*the shop is closed; row 'p1': .* every such sample"):
        first_episode(maker(place, closes_on="p0 p1"), [make_prompt(n, "shop") for n in range(2)], codec)


def test_tools_that_leave_no_room_are_refused_where_the_row_alone_would_fit(
    base: str, place: str, tmp_path: Path, codec: ChatCodec
) -> None:
    alone = len(codec.prompt([{"role": "user", "content": "Buy one."}], ())[0])
    recipe = Recipe.model_validate(recipe_of(base, tmp_path, place, max_context=alone + 2))
    data = preflight(recipe, lambda _: None)
    words = f"environment .*shop.py:Shop: tools buy; .* leave no room .* max_context={alone + 2}. Shorten"
    with pytest.raises(RecipeError, match=words):
        begin_environments(recipe, data, codec, None, [])
    said: list[str] = []
    warn_of_environments(recipe, data, [], said.append, ())
    assert len(said) == 1 and re.search(words, said[0])
    warn_of_environments(recipe, data, [], said.append, ("stage1",))
    assert len(said) == 1  # a stage that is done


def test_a_dry_run_says_what_each_environment_came_to_and_fails_with_it(
    base: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe_of(base, tmp_path, place)))
    assert main(["run", str(tmp_path / "recipe.yaml"), "--dry-run"]) == 0
    said = capsys.readouterr()
    assert re.search(r"environment of stage1, shop: .*Shop: tools buy; \d+ tokens of prompt", said.out + said.err)
    Path(place.rpartition(":")[0]).write_text(SHOP.replace("if task", "if True or task"))
    assert main(["run", str(tmp_path / "recipe.yaml"), "--dry-run"]) == 2
    assert "the shop is closed" in capsys.readouterr().err
