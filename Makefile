# Every target does its own set-up in .venv; paths are relative, so a checkout in a path with spaces works.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m openqwq.training.cli

.PHONY: setup quickstart test check smoke bench wheel table base-model clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; assert (3, 11) <= v < (3, 13), f"openqwq needs Python 3.11 or 3.12, found {v[0]}.{v[1]}; make PYTHON=/path/to/python3.11 ..."'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,dev]'
	touch $(VENV)/.ready

quickstart: setup  ## the whole recipe on a laptop: about four minutes on two cores
	$(RUN) run recipes/quickstart.yaml

smoke: setup  ## the same, two steps a stage
	$(RUN) run recipes/smoke.yaml --run-dir runs/smoke-$$(date +%Y%m%d-%H%M%S)

test: setup  ## in two processes; tests/conftest.py says which files go where
	$(BIN)/python -m pytest -n 2

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# They import each other, so they are run as modules. Beside them: `-m benchmarks.sandbox_peers` needs checkouts of the peers
# (--help), `-m benchmarks.sandbox_soak` judges a hundred thousand programs.
bench: setup  ## benchmarks that need no peer; each prints JSON and fails when a figure is off
	$(BIN)/python -m benchmarks.sandbox_throughput
	$(BIN)/python -m benchmarks.sandbox_cases
	$(BIN)/python -m benchmarks.sandbox_recovery
	$(BIN)/python -m benchmarks.sandbox_load
	$(BIN)/python -m benchmarks.sandbox_abuse
	$(BIN)/python -m benchmarks.sandbox_limits
	$(BIN)/python -m benchmarks.sandbox_split
	$(BIN)/python -m benchmarks.call_depth sandbox
	$(BIN)/python -m benchmarks.call_depth training
	$(BIN)/python -m benchmarks.math_accuracy --peer off
	$(BIN)/python -m benchmarks.math_bombs --peer off
	$(BIN)/python -m benchmarks.math_concurrency
	$(BIN)/python -m benchmarks.import_time
	$(BIN)/python -m benchmarks.logprob_head
	$(BIN)/python -m benchmarks.packing
	$(BIN)/python -m benchmarks.rollout_throughput
	$(BIN)/python -m benchmarks.tool_latency
	$(BIN)/python -m benchmarks.token_drawing
	$(BIN)/python -m benchmarks.evaluation_throughput
	$(BIN)/python -m benchmarks.evaluation_kill
	$(BIN)/python -m benchmarks.interval_coverage
	$(BIN)/python -m benchmarks.rollout_schedules
	$(BIN)/python -m benchmarks.grpo_step
	$(BIN)/python -m benchmarks.critic_helps
	$(BIN)/python -m benchmarks.kill_test
	$(BIN)/python -m benchmarks.plan_against_published
	$(BIN)/python -m benchmarks.cluster_faults
	$(BIN)/python -m benchmarks.weight_sync

table: setup  ## the table of docs/experiments.md: three seeds, both controls (about twenty minutes)
	$(RUN) ablate recipes/ablations/quickstart_controls.yaml --table docs/experiments_table.md

base-model: setup  ## rebuild data/tiny/ from nothing
	$(BIN)/python scripts/tiny/build_data.py
	$(BIN)/python scripts/tiny/train_base.py

wheel: setup
	rm -rf build dist
	$(BIN)/python -m build --wheel --outdir dist .

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .import_linter_cache
