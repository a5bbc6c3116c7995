"""The weights of a checkpoint: every array as transformers saves it, in files that ranks write side by side, and no
rank holds more of a model with experts than one of its arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from openqwq.training.backends import weight_files
from openqwq.training.backends.gathering import WeightGatherer
from openqwq.training.backends.scored_policy import specs_of_parameters
from openqwq.training.backends.weight_files import Renaming, saved_specs, write_weights
from tests.training.backends.architectures import TRAINED, small_model
from tests.training.backends.threaded_ranks import on_ranks

CPU = torch.device("cpu")


def arrays_in(folder: Path) -> dict[str, torch.Tensor]:
    return {name: value for path in folder.glob("*.safetensors") for name, value in load_file(path).items()}


def written(model: Any, folder: Path, size: int, limit: int) -> Path:
    folder.mkdir()
    model.config.save_pretrained(folder)
    specs = specs_of_parameters(model, "float32")
    on_ranks(size, lambda r: write_weights(model, WeightGatherer(model, r), specs, folder, (r, size), limit, CPU))
    return folder


@pytest.mark.parametrize(("size", "limit"), [(2, 2**30), (3, 2000)])
def test_experts_are_saved_one_by_one_as_transformers_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, limit: int
) -> None:
    model = small_model("Qwen3Moe", TRAINED["Qwen3Moe"])
    held: list[int] = []
    call = Renaming.__call__

    def watched(self: Renaming, *arguments: Any) -> list[torch.Tensor]:
        found = call(self, *arguments)
        held.append(0 if self._whole is None else self._whole.nbytes)
        return found

    monkeypatch.setattr(Renaming, "__call__", watched)
    monkeypatch.setattr(weight_files, "_write_renamed", lambda *_: pytest.fail("gathered whole"))
    model.save_pretrained(tmp_path / "wanted")
    wanted, found = arrays_in(tmp_path / "wanted"), arrays_in(written(model, tmp_path / "found", size, limit))
    assert found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert len(list((tmp_path / "found").glob("*.safetensors"))) == (1 if limit == 2**30 else size)
    fused = max(value.nbytes for value in model.parameters())
    assert max(held) <= fused and (limit == 2**30 or max(held) > 0)
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "found")
    for (name, one), other in zip(model.named_parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other), name


@pytest.mark.parametrize("name", TRAINED)
def test_every_architecture_is_saved_array_by_array(name: str) -> None:
    model = small_model(name, TRAINED[name])
    specs = specs_of_parameters(model, "float32")
    saved = saved_specs(model, specs)
    assert saved is not None
    assert sum(one.nbytes for arrays in saved.values() for one in arrays) == sum(spec.nbytes for spec in specs)


def test_what_cannot_be_converted_array_by_array_is_left_to_transformers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_model("Qwen3Moe", TRAINED["Qwen3Moe"])
    model.save_pretrained(tmp_path / "wanted")
    monkeypatch.setattr(weight_files, "saved_specs", lambda *_: None)
    wanted, found = arrays_in(tmp_path / "wanted"), arrays_in(written(model, tmp_path / "found", 2, 2000))
    assert found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)
