"""Which template a run uses, and refusals of a template by the command: one line, status 2, nothing started."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from transformers import GenerationConfig

from openqwq.training.cli import main
from openqwq.training.config import Recipe
from openqwq.training.config.files import load_recipe
from openqwq.training.environments.calculator import CalculatorEnvironment
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.models import load_model, load_tokenizer, save_model, stop_tokens
from openqwq.training.pipeline.chats import check_demonstrations
from openqwq.training.templates.both_ways import Chat, check_chat
from openqwq.training.templates.codec import ChatCodec
from openqwq.training.templates.source import OWN_TEMPLATE, SHIPPED, ChatSettings, chat_settings
from tests.training.templates.template_shapes import GEMMA, chatml, tokenizer_of

ASKED = {"role": "user", "content": "Use the calculator: 2 plus 2."}
SYSTEM = {"role": "system", "content": "so I know"}
TOOLS = CalculatorEnvironment().tools()
STAGE = {"name": "cold", "kind": "sft", "steps": 1, "demonstrations": {"source": "d"}}


def recipe(**keys: Any) -> Recipe:
    return Recipe.model_validate({"name": "r", "model": "m", "stages": [STAGE], **keys})


@pytest.fixture
def model(base: str, tmp_path: Path) -> Any:
    """Makes a copy of the shipped model with another template, or without one."""

    def make(template: str | None, eos: str | None = None) -> str:
        folder = tmp_path / "model"
        shutil.copytree(base, folder)
        (folder / "chat_template.jinja").unlink()
        if template is not None:
            (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
        if eos is not None:
            path = folder / "tokenizer_config.json"
            path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token": eos}))
        return str(folder)

    return make


def test_a_recipe_that_says_nothing_keeps_the_tokenizers_own_template(base: str) -> None:
    assert chat_settings(recipe()) == OWN_TEMPLATE == ChatSettings()
    own = (Path(base) / "chat_template.jinja").read_text()
    assert load_tokenizer(base).chat_template.strip() == own.strip()


def test_a_base_model_without_a_template_gets_a_shipped_one_by_name(model: Any) -> None:
    folder = model(None)
    with pytest.raises(RecipeError, match=r"has no chat template; set `chat_template`.*chatml, plain"):
        load_tokenizer(folder)
    assert SHIPPED == ("chatml", "plain")
    for name in SHIPPED:
        codec = ChatCodec(load_tokenizer(folder, chat_settings(recipe(chat_template=name))))
        assert codec.turns.end_of_turn == "<|im_end|>"
        for chat in (
            Chat("a", [SYSTEM, ASKED]),
            Chat("b", [ASKED], TOOLS),
            Chat("c", [SYSTEM, ASKED], TOOLS, (1, 2, 1)),
        ):
            assert check_chat(codec, chat)
            assert not chat.tools or "calculator" in codec.renderer.render(chat.messages, chat.tools)


def test_a_shipped_template_whose_tokens_the_tokenizer_lacks_is_refused() -> None:
    chatml_text = chat_settings(recipe(chat_template="chatml")).template
    tokenizer = tokenizer_of("mistral")
    own, tokenizer.chat_template = tokenizer.chat_template, chatml_text
    try:
        with pytest.raises(RecipeError, match="in no control token of the tokenizer"):
            _ = ChatCodec(tokenizer).turns
        with pytest.raises(RecipeError, match=r"'<\|im_end\|>', which is \d+ tokens of the tokenizer; it must be one"):
            _ = ChatCodec(tokenizer, "<|im_end|>").turns
    finally:
        tokenizer.chat_template = own


def test_a_template_file_counts_from_the_folder_of_its_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text("{{ messages[0].content }}")
    tree = {"name": "r", "model": "m", "stages": [STAGE], "chat_template": "mine.jinja", "end_of_turn": "<e>"}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(tree))
    assert chat_settings(load_recipe(str(tmp_path / "r.yaml"))) == ChatSettings("{{ messages[0].content }}", "<e>")
    with pytest.raises(RecipeError, match=r"no such file for 'other\.jinja'"):
        load_recipe(str(tmp_path / "r.yaml"), ["chat_template=other.jinja"])
    with pytest.raises(RecipeError, match="no file 'chatlm'; shipped by name are chatml, plain"):
        chat_settings(recipe(chat_template="chatlm"))


def test_a_template_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "turns.jinja").write_bytes(b"\xff{{ messages }}")
    with pytest.raises(RecipeError, match=r"chat_template: .*turns.jinja' cannot be read: .*utf-8"):
        chat_settings(recipe(chat_template=str(tmp_path / "turns.jinja")))


def test_an_end_token_of_number_zero_stops_a_turn(base: str) -> None:
    tokenizer = load_tokenizer(base)
    own = tokenizer.eos_token_id
    assert stop_tokens(GenerationConfig(eos_token_id=0), tokenizer) == [0, own]
    assert stop_tokens(GenerationConfig(eos_token_id=[0, 7]), tokenizer, 5) == [0, 5, 7, own]
    assert stop_tokens(None, tokenizer) == [own]


def test_who_serves_a_saved_model_stops_at_the_end_of_a_turn(base: str, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(base, chat_settings(recipe(chat_template="plain")))
    save_model(load_model(base), tokenizer, tmp_path / "saved", end_of_turn=9)
    saved = json.loads((tmp_path / "saved" / "generation_config.json").read_text())["eos_token_id"]
    assert saved == sorted({9, tokenizer.eos_token_id})
    assert load_tokenizer(str(tmp_path / "saved")).chat_template == tokenizer.chat_template


@pytest.fixture
def dry_run(base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a recipe with tools on a model's folder; returns the status and what is printed."""

    def run(
        folder: str, *overrides: str, messages: list[Any] | None = None, environment: str = "calculator"
    ) -> tuple[int, str]:
        row = {"id": "a", "task": "tools", "prompt": messages or [ASKED], "tools": TOOLS, "reference": {"answer": "4"}}
        (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
        tree = {
            "name": "small", "model": folder,
            "rewards": {"tasks": {"tools": {"verifiers": [{"name": "math"}], "environment": environment}}},
            "stages": [{"name": "stage1", "kind": "rl", "steps": 1,
                        "prompts": [{"source": str(tmp_path / "rows.jsonl")}]}],
        }  # fmt: skip
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(tree))
        status = main(["run", str(tmp_path / "recipe.yaml"), "--dry-run", *overrides])
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


def test_a_base_model_whose_eos_ends_no_turn_passes_and_so_does_its_first_tool_answer(dry_run: Any, model: Any) -> None:
    template = (Path(__file__).parents[3] / "data" / "tiny" / "base" / "chat_template.jinja").read_text()
    assert dry_run(model(template, eos="<|endoftext|>"))[0] == 0


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (GEMMA.replace("<end_of_turn>", "<|im_end|>"), "a conversation of user, assistant, tool, assistant"),
        ("{{ messages[0].content }}", "leaves out the text of the assistant"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{% if %}", "does not render a conversation"),
        ("{{ messages[0]['content'] }}{{ undefined.field }}", "'undefined' is undefined"),
        (chatml("{%- set said = m.content %}").replace("m.content + '\n</tool_response>", "'\n</tool_response>"),
         "leaves out the answer of a tool"),
        (chatml("{%- set said = m.content + ('' if loop.last else ' ok') %}"), "does not end the assistant's turn"),
    ],
)  # fmt: skip
def test_a_template_that_is_not_exact_is_refused_in_one_line(
    dry_run: Any, model: Any, template: str, words: str
) -> None:
    status, printed = dry_run(model(template))
    refusal = printed.strip().splitlines()[-1]
    assert status == 2 and "Traceback" not in printed
    assert refusal.startswith("openqwq: ") and words in refusal


def test_an_environment_of_the_users_own_may_answer_as_a_user(dry_run: Any, model: Any, tmp_path: Path) -> None:
    methods = ("reset(self, task, seed)", "step(self, turn)", "close(self)")
    (tmp_path / "talk.py").write_text("\n".join(["class Talk:", *(f"    def {one}: ..." for one in methods)]))
    folder = model(GEMMA.replace("<end_of_turn>", "<|im_end|>"))
    status, printed = dry_run(folder, environment=f"{tmp_path / 'talk.py'}:Talk")
    assert status == 0 and "Only answers of an environment that come as messages of a user" in " ".join(printed.split())


def test_a_demonstration_that_asks_nothing_is_refused_by_its_row() -> None:
    codec, warnings = ChatCodec(tokenizer_of("r1_distill")), list[str]()
    said = {"role": "assistant", "content": "<think>\nso\n</think>\n\nsaid"}
    check_demonstrations(codec, "cold", [{"messages": [ASKED, said]}], warnings.append)
    assert warnings == []
    with pytest.raises(DataError, match="cold, row 1: the chat template does not render"):
        check_demonstrations(codec, "cold", [{"messages": [said]}], warnings.append)


def test_a_row_that_the_template_does_not_take_is_named(dry_run: Any, model: Any) -> None:
    template = chatml("{%- set said = m.content %}")
    refusing = "{%- if messages[0].role == 'system' %}{{ raise_exception('no system') }}{%- endif %}" + template
    folder = model(refusing)
    assert dry_run(folder)[0] == 0
    status, printed = dry_run(folder, messages=[SYSTEM, ASKED])
    assert status == 2 and "stage1, row 'a': the chat template does not render" in printed and "no system" in printed


def test_a_template_that_hides_tools_or_drops_thinking_is_warned_about(dry_run: Any, model: Any) -> None:
    dropping = chatml("{%- set said = m.content.split('</think>')[-1] if not loop.last else m.content %}")
    status, printed = dry_run(model(dropping.replace("(t | tojson)", "'a tool'")))
    assert status == 0
    assert "leaves out the thinking of earlier turns" in printed and "does not show the `tools`" in printed
