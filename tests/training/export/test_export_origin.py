"""What `openqwq export` can be pointed at, and what it says where it cannot."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from openqwq.training.errors import CheckpointError, OpenqwqError
from openqwq.training.export.origin import find_origin
from openqwq.training.run_folder.folder import write_text
from tests.training.example_run import write_example_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_example_run(tmp_path / "run")


def test_a_run_stands_for_its_last_stage_with_a_policy(run: Path) -> None:
    origin = find_origin(str(run))
    assert origin.model == str(run / "checkpoints/stage2/step_50/model") and origin.place == ("stage2", 50)
    assert origin.entry is not None and origin.entry.name == "stage2"
    earlier = find_origin(str(run), "cold_start")
    assert earlier.place == ("cold_start", 120) and earlier.entry is not None and earlier.entry.kind == "sft"


def test_the_checkpoint_its_model_folder_and_the_run_are_the_same(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = find_origin(str(run), "stage1")
    monkeypatch.chdir(run / "checkpoints")
    for spelled in ("stage1/step_40", "stage1/step_40/model", "../checkpoints/stage1/step_40/"):
        origin = find_origin(spelled)
        assert Path(origin.model).resolve() == Path(whole.model)
        assert (origin.place, origin.entry) == (whole.place, whole.entry)


def test_a_step_that_a_stage_did_not_end_with_has_no_evaluations(run: Path) -> None:
    write_text(run / "checkpoints/stage1/step_30/model/config.json", "{}")
    origin = find_origin(str(run / "checkpoints/stage1/step_30"))
    assert origin.place == ("stage1", 30) and origin.entry is None and origin.run is not None


def test_what_a_run_cannot_give_is_said_with_what_it_can(run: Path, tmp_path: Path) -> None:
    write_text(run / "checkpoints/stage1/step_30/model/config.json", "{}")
    state = json.loads((run / "state.json").read_text())
    (run / "state.json").write_text(json.dumps({"cold_start": state["cold_start"]}))
    for stage, message in (
        ("stage1", f"stage stage1 of {run} is not finished; its newest checkpoint is {run}/checkpoints/stage1/step_40"),
        ("stage9", "has no stage 'stage9'; it has cold_start, stage1, reward_model, stage2"),
    ):
        with pytest.raises(OpenqwqError, match=message):
            find_origin(str(run), stage)
    with pytest.raises(OpenqwqError, match=r"holds the steps \[30, 40\]; name one, such as .*/step_40"):
        find_origin(str(run / "checkpoints/stage1"))
    (run / "state.json").write_text("{}")
    with pytest.raises(
        OpenqwqError, match=r"no finished stage with a policy yet; its newest checkpoint is .*stage2/step"
    ):
        find_origin(str(run))
    (run / "state.json").write_text("{")
    with pytest.raises(OpenqwqError, match=r"state\.json is damaged"):
        find_origin(str(run))


def test_a_reward_model_is_no_policy_and_a_model_that_is_gone_is_missed(run: Path) -> None:
    with pytest.raises(OpenqwqError, match=r"trained a reward model; with a policy are \['cold_start'"):
        find_origin(str(run), "reward_model")
    (run / "checkpoints/stage2/step_50/model/config.json").unlink()
    with pytest.raises(OpenqwqError, match="the model of stage stage2 is gone"):
        find_origin(str(run))


def test_a_checkpoint_whose_model_is_not_what_was_written_is_refused(run: Path) -> None:
    step = run / "checkpoints/stage2/step_50"
    digest = hashlib.sha256((step / "model/config.json").read_bytes()).hexdigest()
    (step / "manifest.json").write_text(json.dumps({"model/config.json": digest, "optimizer.pt": "not looked at"}))
    find_origin(str(step))
    (step / "model/config.json").write_text('{"other": 1}')
    with pytest.raises(CheckpointError, match=r"is damaged \(model/config.json\); export another step"):
        find_origin(str(run))
    (step / "model/config.json").unlink()
    (step / "model/x").write_text("")
    (step / "manifest.json").write_text("[]")
    with pytest.raises(OpenqwqError, match="is gone"):
        find_origin(str(run))


def test_a_hub_id_stays_one_and_an_adapter_needs_a_base_that_is_here(tmp_path: Path) -> None:
    assert find_origin("Qwen/QwQ-32B").model == "Qwen/QwQ-32B"
    adapter = tmp_path / "adapter"
    for config, message in (
        (
            json.dumps({"base_model_name_or_path": f"{tmp_path}/gone"}),
            "the base of adapter .* is not here: no model folder",
        ),
        ('{"base_model_name_or_path": null}', "names no base_model_name_or_path"),
        ("nonsense", "cannot be read"),
        ("[]", "is no JSON object"),
    ):
        write_text(adapter / "adapter_config.json", config)
        with pytest.raises(OpenqwqError, match=message):
            find_origin(str(adapter))
