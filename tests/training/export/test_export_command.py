"""`openqwq export`, on the shipped tiny model: what is written, and that others load it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from peft import LoraConfig, get_peft_model
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from openqwq.training.cli import main
from openqwq.training.models import save_model
from tests.training.example_run import write_example_run

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs `openqwq export`; returns status, output and errors."""

    def run(*words: object) -> tuple[int, str, str]:
        status = main(["export", *(str(word) for word in words)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def copied(base: str, folder: Path, **changes: Any) -> Path:
    """A copy of the tiny model with other entries in its config.json."""
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    return folder


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of all shards; a name twice is an error."""
    found: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        shard = load_file(path)
        assert not set(shard) & set(found)
        found |= shard
    return found


def test_plain_transformers_and_our_engine_give_the_same_tokens(base: str, tmp_path: Path, said: Said) -> None:
    status, out, err = said(base, tmp_path / "out", "--serve-check", "--license", "apache-2.0")
    assert (status, err) == (0, "")
    assert "transformers: 10 answered" in out and "openqwq (hf engine): 10 of 10 the same" in out
    assert out.rstrip().endswith("serve check: the same")


def test_weights_are_cast_tied_ones_stand_once_and_the_cache_is_on(base: str, tmp_path: Path, said: Said) -> None:
    source = copied(base, tmp_path / "trained", use_cache=False)  # as a trainer leaves it
    status, out, _ = said(source, tmp_path / "out")
    assert status == 0
    written, before = tensors(tmp_path / "out"), load_file(source / "model.safetensors")
    assert set(written) == set(before) and "lm_head.weight" not in written
    assert {tensor.dtype for tensor in written.values()} == {torch.bfloat16}
    assert all(torch.equal(written[name], tensor.to(torch.bfloat16)) for name, tensor in before.items())
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert (config["dtype"], config["tie_word_embeddings"], config["use_cache"]) == ("bfloat16", True, True)
    total = sum(tensor.numel() for tensor in before.values())
    assert "warning: float32 -> bfloat16 changes " in out and f" of {total} weights, by up to 0.39 %\n" in out
    assert "warning: licence unknown" in out


def test_float32_stays_bit_for_bit_and_nothing_is_said_of_a_loss(base: str, tmp_path: Path, said: Said) -> None:
    _, out, _ = said(base, tmp_path / "out", "--dtype", "float32", "--license", "mit")
    before = load_file(Path(base) / "model.safetensors")
    assert all(torch.equal(tensor, before[name]) for name, tensor in tensors(tmp_path / "out").items())
    assert "warning" not in out


def test_sampling_is_the_recommended_one_and_stops_at_the_end_of_a_turn(base: str, tmp_path: Path, said: Said) -> None:
    source = copied(base, tmp_path / "source")
    end_of_text = AutoTokenizer.from_pretrained(base).convert_tokens_to_ids("<|endoftext|>")
    penalties = {"eos_token_id": end_of_text, "repetition_penalty": 1.05, "temperature": 0.7, "do_sample": True}
    (source / "generation_config.json").write_text(json.dumps(penalties))
    said(source, tmp_path / "out")
    written = json.loads((tmp_path / "out/generation_config.json").read_text())
    written.pop("transformers_version")
    end_of_turn = AutoTokenizer.from_pretrained(base).convert_tokens_to_ids("<|im_end|>")
    assert written.pop("eos_token_id") == sorted([end_of_text, end_of_turn])
    assert written == {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 40, "pad_token_id": end_of_text}


def test_shards_are_no_larger_than_asked_and_load_as_a_whole(base: str, tmp_path: Path, said: Said) -> None:
    status, out, _ = said(base, tmp_path / "out", "--max-shard-size", "400KB")
    assert status == 0 and " shards, " in out
    index = json.loads((tmp_path / "out/model.safetensors.index.json").read_text())
    sizes = [path.stat().st_size for path in (tmp_path / "out").glob("*.safetensors")]
    assert len(sizes) > 1 and max(sizes) < 500_000
    assert set(index["weight_map"]) == set(tensors(tmp_path / "out"))
    _, info = AutoModelForCausalLM.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]


def test_files_may_be_read_by_others_as_any_new_file(base: str, tmp_path: Path, said: Said) -> None:
    said(base, tmp_path / "out")
    (tmp_path / "new").touch()
    mode = (tmp_path / "new").stat().st_mode
    assert {path.stat().st_mode for path in (tmp_path / "out").iterdir()} == {mode}


def test_yarn_scales_the_positions_four_times_and_keeps_theta(base: str, tmp_path: Path, said: Said) -> None:
    said(base, tmp_path / "out", "--yarn")
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert config["rope_parameters"] == {
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512, "rope_theta": 10000.0,
    }  # fmt: skip
    assert "rope_scaling" not in config and config["max_position_embeddings"] == 2048
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert model.model.rotary_emb.attention_scaling > 1.1  # 0.1 ln 4 + 1, by the paper (arXiv 2309.00071)
    assert "Context: 2048 tokens" in (tmp_path / "out/README.md").read_text()


def test_an_adapter_is_merged_into_its_base(base: str, tmp_path: Path, said: Said) -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(base)
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj", "down_proj"]))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:  # they begin at 0, where an adapter changes nothing
            torch.nn.init.normal_(parameter, std=0.05)
    adapted.save_pretrained(tmp_path / "adapter")
    ids = torch.arange(20)[None]
    expected = adapted.eval()(input_ids=ids).logits
    status, _, err = said(tmp_path / "adapter", tmp_path / "out", "--dtype", "float32")
    assert (status, err) == (0, "")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()(input_ids=ids).logits
    plain = AutoModelForCausalLM.from_pretrained(base).eval()(input_ids=ids).logits
    torch.testing.assert_close(merged, expected, atol=1e-4, rtol=1e-4)
    assert float((merged - plain).detach().abs().max()) > 0.1
    assert not list((tmp_path / "out").glob("adapter*"))
    assert "A LoRA adapter merged into its base" in (tmp_path / "out/README.md").read_text()


@pytest.fixture
def run(base: str, tmp_path: Path) -> Path:
    """A finished run whose last model is a real one; its recipe names places of this machine."""
    folder = write_example_run(tmp_path / "run")
    model = folder / "checkpoints/stage2/step_50/model"
    shutil.rmtree(model)
    shutil.copytree(base, model)
    recipe = (folder / "recipe.yaml").read_text().replace("model: data/tiny/base", f"model: {tmp_path}/models/private")
    (folder / "recipe.yaml").write_text(recipe)
    return folder


def test_a_run_is_exported_by_its_last_policy_with_what_was_measured_on_it(
    run: Path, tmp_path: Path, said: Said
) -> None:
    status, _, err = said(run, tmp_path / "out", "--license", "apache-2.0")
    assert (status, err) == (0, "")
    card = ModelCard.load(tmp_path / "out/README.md")
    measured = {result.dataset_name: result for result in card.data.eval_results}
    assert measured["skills"].metric_value == 0.77 and measured["math"].metric_args["n"] == 300
    assert 0.71 < measured["skills"].metric_args["low"] < 0.77 < measured["skills"].metric_args["high"] < 0.82
    assert card.data.license == "apache-2.0" and card.data.base_model is None
    for words in (
        "stage `stage2`, step 50, of the recipe `quickstart`", "Measured in float32, before the cast", "math_watch",
        "| stage2 | skills.gain_low |", "data/tiny/math_train.jsonl", "| math | math | think_format |", "kind: rl",
        "the git commit are not recorded", "--reasoning-parser qwen3",
    ):  # fmt: skip
        assert words in card.content, words


def test_no_place_of_this_machine_is_in_any_file(run: Path, tmp_path: Path, said: Said) -> None:
    said(run, tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        if path.suffix != ".safetensors":
            text = path.read_text()
            assert [word for word in (str(tmp_path), "_name_or_path", "is_local") if word in text] == [], path
    with safe_open(tmp_path / "out/model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
    assert "model: private\n" in (tmp_path / "out/README.md").read_text()


def test_a_step_between_is_exported_without_the_evaluations_of_its_stage(
    run: Path, base: str, tmp_path: Path, said: Said
) -> None:
    shutil.copytree(base, run / "checkpoints/stage2/step_40/model")
    status, _, _ = said(run / "checkpoints/stage2/step_40", tmp_path / "out")
    card = ModelCard.load(tmp_path / "out/README.md")
    assert status == 0 and card.data.eval_results is None
    assert "step 40" in card.content and "no evaluation of a run belongs to this checkpoint" in card.content


def test_a_tokenizer_and_template_come_back_as_they_were(base: str, tmp_path: Path, said: Said) -> None:
    said(base, tmp_path / "out")
    old, new = AutoTokenizer.from_pretrained(base), AutoTokenizer.from_pretrained(tmp_path / "out")
    text = "<think>\n计算 3+4 é🙂\n</think>\n<|im_end|><tool_call>"
    assert old(text)["input_ids"] == new(text)["input_ids"] and old.eos_token == new.eos_token
    assert new.chat_template.endswith(old.chat_template)


def test_bad_inputs_are_told_in_one_line_and_leave_nothing(
    base: str, tiny_model: PreTrainedModel, tokenizer: Any, tmp_path: Path, said: Said
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("x")
    cut = copied(base, tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:5000])
    lacking = copied(base, tmp_path / "lacking")
    weights = load_file(lacking / "model.safetensors")
    save_file({k: v for k, v in weights.items() if "k_proj" not in k}, lacking / "model.safetensors", {"format": "pt"})
    judge = copied(base, tmp_path / "judge", architectures=["Qwen2ForSequenceClassification"])
    scaled = copied(base, tmp_path / "scaled", rope_parameters={
        "rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0,
    })  # fmt: skip
    large, broken = tmp_path / "large", tmp_path / "broken"
    tiny_model.model.norm.weight.data[0] = 1e6
    save_model(tiny_model, tokenizer, large)
    tiny_model.model.norm.weight.data[0] = float("nan")
    save_model(tiny_model, tokenizer, broken)
    bare = copied(base, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    cases: list[tuple[list[object], int, str]] = [
        ([tmp_path / "nowhere"], 2, "no model folder"),
        ([tmp_path / "file"], 2, "is a file"),
        ([tmp_path / "empty"], 2, "cannot be exported: it is no run"),
        ([base, "--stage", "stage1"], 2, "is no run folder"),
        ([base, "--max-shard-size", "much"], 2, "no size such as 5GB"),
        ([base, "--max-shard-size", "0GB"], 2, "no size such as 5GB"),
        ([base, "--license", "My Licence"], 2, "no identifier of the hub"),
        ([cut], 1, "cannot be read: "),
        ([lacking], 1, "missing keys"),
        ([judge], 2, "is a Qwen2ForSequenceClassification, no language model"),
        ([scaled, "--yarn"], 2, "scaled already (rope_type linear)"),
        ([large, "--dtype", "float16"], 1, "reaches 1e+06, and float16 ends at 6.55e+04"),
        ([broken], 1, "no finite numbers"),
        ([bare], 2, "has no chat template"),
    ]
    for words, status, message in cases:
        found, _, err = said(words[0], tmp_path / "out", *words[1:])
        assert (found, err.count("\n")) == (status, 1) and message in err, (words, err)
        assert not list(tmp_path.glob("*out*")) and not list(tmp_path.glob(".*")), words
    for target, message in ((tmp_path / "full", "is not empty"), (tmp_path / "file", "is a file")):
        found, _, err = said(base, target)
        assert (found, err.count("\n")) == (2, 1) and message in err
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["x"]


def test_what_is_not_rotary_or_of_several_kinds_is_not_scaled() -> None:
    from types import SimpleNamespace

    from openqwq.training.errors import RecipeError
    from openqwq.training.export.weights import scale_context

    for kind, message in (("gpt2", "states none"), ("gemma3_text", "of several kinds")):
        with pytest.raises(RecipeError, match=message):
            scale_context(SimpleNamespace(config=AutoConfig.for_model(kind)))  # type: ignore[arg-type]


def test_qwen_with_more_positions_than_32k_is_scaled_from_32k() -> None:
    from types import SimpleNamespace

    from openqwq.training.export.weights import scale_context

    config: Any = AutoConfig.for_model("qwen2", max_position_embeddings=40960, rope_parameters={
        "rope_type": "default", "rope_theta": 1e6,
    })  # fmt: skip
    assert scale_context(SimpleNamespace(config=config)) == 131072  # type: ignore[arg-type]
    assert config.rope_parameters["original_max_position_embeddings"] == 32768
    assert config.max_position_embeddings == 131072
