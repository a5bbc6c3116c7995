"""`dtype: auto` is settled once, by a timed product, and a run goes on as it began."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from openqwq.training.backends import number_format
from openqwq.training.backends.number_format import bfloat16_gain, computes_in_bfloat16, with_dtype
from openqwq.training.config import Recipe
from openqwq.training.config.files import load_recipe
from openqwq.training.errors import RunFolderError
from openqwq.training.pipeline.dry_run import dry_run
from openqwq.training.run_folder.folder import RunFolder, dtype_of_run


def recipe(*overrides: str) -> Recipe:
    return load_recipe("smoke", ["dtype=auto", *overrides])


@pytest.mark.parametrize(("gain", "dtype"), [(2.2, "bfloat16"), (1.3, "bfloat16"), (1.29, "float32"), (0.3, "float32")])
def test_a_processor_that_multiplies_bfloat16_faster_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, gain: float, dtype: str
) -> None:
    monkeypatch.setattr(number_format, "bfloat16_gain", lambda: gain)
    lines: list[str] = []
    assert with_dtype(recipe(), lines.append).dtype == dtype
    assert lines == [f"dtype: {dtype}, as a product in bfloat16 is {gain:.2g} times as fast as one in float32 here"]
    assert (computes_in_bfloat16("bfloat16"), computes_in_bfloat16("float32")) == (dtype == "bfloat16", False)


def test_gpus_compute_in_bfloat16_whatever_the_driver_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(number_format, "bfloat16_gain", lambda: 0.1)
    for role in ("rollout", "trainer"):
        lines: list[str] = []
        assert with_dtype(recipe(f"cluster.{role}.gpus=1"), lines.append).dtype == "bfloat16"
        assert lines == ["dtype: bfloat16, as GPUs multiply it"]


def test_the_gain_is_measured_and_leaves_the_threads_as_they_were() -> None:
    before = torch.get_num_threads()
    bfloat16_gain.cache_clear()
    assert 0.001 < bfloat16_gain() < 1000
    assert torch.get_num_threads() == before


def test_a_format_that_the_recipe_names_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(number_format, "bfloat16_gain", lambda: pytest.fail("measured"))
    for dtype in ("float32", "bfloat16"):
        named = recipe(f"dtype={dtype}")
        assert with_dtype(named, lambda line: pytest.fail(line)) is named


def test_a_run_goes_on_in_the_format_it_began_in(tmp_path: Path) -> None:
    assert dtype_of_run(tmp_path) is None
    begun = recipe("dtype=bfloat16")
    RunFolder(tmp_path / "run", begun, "auto").close()
    (tmp_path / "run" / "execution.json").write_text("{}")
    lines: list[str] = []
    going_on = with_dtype(recipe(), lines.append, dtype_of_run(tmp_path / "run"))
    assert lines == ["dtype: bfloat16, as the run began in it"]
    RunFolder(tmp_path / "run", going_on, "auto").close()
    with pytest.raises(RunFolderError, match="dtype"):
        RunFolder(tmp_path / "run", recipe("dtype=float32"), "auto")


def test_a_dry_run_says_which_format_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(number_format, "bfloat16_gain", lambda: 2.0)
    assert dry_run(recipe()) == 0
    said = capsys.readouterr()
    assert "dtype: bfloat16, as a product" in said.out + said.err
