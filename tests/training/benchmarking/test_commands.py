"""The commands around an evaluation, with a real tiny model: measure, judge again, compare."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from openqwq.training.answers.files import append_answers, read_answers
from openqwq.training.benchmarking.chosen import choose
from openqwq.training.cli import main
from openqwq.training.errors import RecipeError
from tests.training.endpoint.scripted_server import MODEL, ChatServer, says, then
from tests.training.small_records import write_verifier

SUITE = {
    "name": "sums",
    "title": "Sums",
    "samples_per_prompt": 2,
    "sampling": {"max_new_tokens": 12},
    "rewards": {
        "math": {
            "verifiers": [
                {"name": "strict.py:grade", "label": "strict"},
                {"name": "whole.py:grade", "label": "as_published", "is_shaping": True},
            ],
            "gates": [],
        }
    },
    "columns": {"strict": "strict", "as_published": "as_published"},
    "licence": "MIT",
    "citation": "nobody",
    "homepage": "https://example.org",
    "published": [{"model": "Other-1B", "score": 0.75, "settings": "qwq", "source": "its page", "evidence": "read"}],
}


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite of three rows, judged by the parity of the answer's length; the second column takes everything."""
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"r{n}", "task": "math", "prompt": f"{n}+1?", "reference": str(n + 1)} for n in range(3)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, body in (("strict", "return len(response) % 2 == 0"), ("whole", "return 1.0")):
        Path(write_verifier(tmp_path, body, name).rpartition(":")[0]).rename(tmp_path / f"{name}.py")
        text = (tmp_path / f"{name}.py").read_text()
        (tmp_path / f"{name}.py").write_text(text.replace(f"def {name}(", "def grade("))
    (tmp_path / "sums.yaml").write_text(yaml.safe_dump({**SUITE, "sources": [{"source": "rows.jsonl"}]}))
    return tmp_path / "sums.yaml"


def measure(base: str, *words: str) -> int:
    return main(["eval", base, "--suite", "sums.yaml", "--out", "out", *words])


def test_a_suite_needs_no_recipe_and_every_answer_is_kept(
    suite: Path, base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measure(base, "--json", "results.json") == 0
    said = capsys.readouterr().out
    assert "on problems like these" in said and "published Other-1B 0.750" in said and "as_published 1.000" in said
    results = json.loads(Path("results.json").read_text())
    assert results == json.loads(Path("out/results.json").read_text())
    [entry] = results["suites"].values()
    assert (entry["n"], entry["samples"], entry["columns"]["as_published"]["accuracy"]) == (3, 2, 1.0)
    [path] = Path("out").glob("*.jsonl.gz")
    answers = list(read_answers(path))
    assert len(answers) == 6 and {a.reference for a in answers} == {"1", "2", "3"}
    assert [a.verdicts["strict"]["score"] for a in answers] == [float(len(a.response) % 2 == 0) for a in answers]
    before = path.read_bytes()
    assert measure(base, "--json", "again.json") == 0  # the same command has nothing left to do
    assert path.read_bytes() == before and json.loads(Path("again.json").read_text()) == results


def test_answers_of_another_evaluation_are_not_mixed_with(
    suite: Path, base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measure(base) == 0
    assert measure(base, "suites.sums.sampling.temperature=0.5") == 2
    assert measure(base, "--settings", "greedy") == 2
    said = capsys.readouterr().err
    assert "holds answers of another evaluation: sampling" in said and "choose another --out" in said
    assert measure(base, "--samples", "3") == 0  # more samples of the same
    assert len({answer.key for answer in read_answers(Path("out/sums.jsonl.gz"))}) == 9


def test_answers_are_judged_again_by_other_verifiers_and_references(
    suite: Path, base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measure(base) == 0
    capsys.readouterr()
    assert main(["regrade", "out"]) == 0
    assert " 6        0 " in capsys.readouterr().out  # six answers, none changed
    (tmp_path / "strict.py").write_text("def grade(response, row):\n    return row['reference'] == 'new'\n")
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    rows[1]["reference"] = "new"
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in reversed(rows)))  # by id
    assert main(["regrade", "out", "--out", "second"]) == 0
    capsys.readouterr()
    [path] = Path("second").glob("*.jsonl.gz")
    assert {(a.id, a.verdicts["strict"]["score"]) for a in read_answers(path)} == {("r0", 0), ("r1", 1), ("r2", 0)}
    (tmp_path / "other.jsonl").write_text("".join(json.dumps({**row, "id": f"x{row['id']}"}) + "\n" for row in rows))
    assert main(["regrade", "out", "suites.sums.source=other.jsonl", "--out", "third"]) == 0  # by the prompts
    assert [a.to_json() for a in read_answers(path)] == [a.to_json() for a in read_answers(Path("third") / path.name)]
    assert main(["regrade", "out", "suites.other.source=other.jsonl"]) == 2
    assert "suites.other: no such suite is judged again; judged are sums" in capsys.readouterr().err
    (tmp_path / "rows.jsonl").write_text(json.dumps(rows[0]) + "\n")
    assert main(["regrade", "out"]) == 2
    assert "2 of the answered rows are not in its data, such as 'r1'" in capsys.readouterr().err


def test_what_an_environment_gave_is_kept_and_paid_again(
    suite: Path, base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shop.py").write_text(
        "from openqwq.training.environments.contract import StepResult\n\n\n"
        "class Shop:\n"
        "    def tools(self): return []\n"
        "    def reset(self, task, seed):\n"
        "        self.worth = 0.25 if task['id'] == 'r1' else 0.75\n"
        "        return []\n"
        "    def step(self, turn): return StepResult([], done=True)\n"
        "    def reward(self): return self.worth\n"
        "    def close(self): pass\n"
    )
    rewards = {"math": {"environment": "shop.py:Shop", "verifiers": [{"name": "environment"}]}}
    tree = {**SUITE, "sources": [{"source": "rows.jsonl"}], "rewards": rewards, "columns": {}, "published": []}
    suite.write_text(yaml.safe_dump({**tree, "unpublished": "ours"}))
    assert measure(base) == 0
    kept = list(read_answers(Path("out/sums.jsonl.gz")))
    assert {(a.id, a.environment["reward"]) for a in kept} == {("r0", 0.75), ("r1", 0.25), ("r2", 0.75)}
    whole = [a for a in kept if a.finish_reason == "stop"]  # one that was cut is worth 0
    assert whole and all(a.reward == a.environment["reward"] for a in whole)
    (tmp_path / "shop.py").write_text("def Shop(): raise RuntimeError('closed')\n")  # nothing is played again
    capsys.readouterr()
    assert main(["regrade", "out"]) == 0
    assert " 6        0 " in capsys.readouterr().out


def test_evaluations_are_compared_by_problem(suite: Path, base: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure(base) == 0
    [path] = Path("out").glob("*.jsonl.gz")
    about = path.with_name(path.name.replace(".jsonl.gz", ".about.json"))
    other = Path("other")
    other.mkdir()
    (other / about.name).write_text(about.read_text())
    answers = [a.to_json() for a in read_answers(path)]
    for answer in answers:
        answer["verdicts"]["strict"]["score"] = 1.0
    append_answers(other / path.name, map(type(next(read_answers(path))).from_json, answers))
    capsys.readouterr()
    assert main(["compare", "out", "other", "out", "--json", "table.json"]) == 0
    said = capsys.readouterr().out
    assert "cannot tell" in said and "could have seen" in said and "Holm" in said
    first, same = json.loads(Path("table.json").read_text())
    assert (same["value"], same["verdict"]) == (0.0, "cannot tell")
    assert first["num_problems"] == 3 and first["value"] >= 0
    renamed = [answer | {"id": f"elsewhere:{answer['id']}"} for answer in answers]
    (other / path.name).unlink()
    append_answers(other / path.name, map(type(next(read_answers(path))).from_json, renamed))
    assert main(["compare", "out", "other", "--json", "table.json"]) == 0
    assert "no id is in both out and other; paired by the texts of the prompts" in capsys.readouterr().out
    assert json.loads(Path("table.json").read_text()) == [first]
    assert main(["compare", "out"]) == 2 and main(["compare", "out", "rows.jsonl"]) == 2


def test_rows_that_are_not_to_be_handed_on_are_not_kept(suite: Path, base: str) -> None:
    text = yaml.safe_load(suite.read_text())
    suite.write_text(yaml.safe_dump({**text, "may_be_shown": False}))
    assert measure(base) == 0
    [path] = Path("out").glob("*.jsonl.gz")
    answers = list(read_answers(path))
    assert all(a.reference is None and a.messages[0]["content"].startswith("sha256:") for a in answers)
    before = path.read_bytes()
    assert measure(base) == 0 and path.read_bytes() == before
    assert main(["regrade", "out"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--settings", "hot"], "no settings 'hot'"),
        (["suites.other.samples_per_prompt=3"], "suites.other"),
        (["--endpoint", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_word_is_one_line(
    suite: Path, base: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measure(base, *words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") <= 2
    assert not Path("out").exists()


def test_a_suite_of_the_recipe_goes_before_a_shipped_one(base: str) -> None:
    assert set(choose(base, ["math"], "smoke", []).recipe.evaluation.suites) == {"math"}
    with pytest.raises(RecipeError, match="no suite 'nine'"):
        choose(base, ["nine"], "smoke", [])


def test_a_model_behind_an_endpoint_is_measured_without_its_tokenizer(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ChatServer(then(says("<think>hm</think>four"))) as server:
        words = ["eval", MODEL, "--suite", "sums.yaml", "--out", "out", "--endpoint", server.url, "--concurrency", "3"]
        assert main(words) == 0
        assert len(server.chats) == 6
        assert main(words) == 0  # every answer is kept
        assert len(server.chats) == 6
    assert "sums" in capsys.readouterr().out
    answers = list(read_answers(Path("out/sums.jsonl.gz")))
    assert {a.response for a in answers} == {"<think>hm</think>four"} and not any(a.tokens for a in answers)
    about = json.loads(Path("out/sums.about.json").read_text())
    assert about["engine"] == "endpoint" and about["weights"] == f"{server.url} {MODEL}"


@pytest.mark.parametrize(
    "word", ["source=rows.jsonl", "rows=[0,2]", "sampling.temperature=0.5", "samples_per_prompt=3"]
)
def test_a_key_of_a_suite_without_its_name_is_answered_with_the_whole_key(suite: Path, word: str) -> None:
    with pytest.raises(RecipeError, match=rf"write suites\.sums\.{word.partition('=')[0]}=\.\.\."):
        choose("data/tiny/base", ["sums.yaml"], None, [word])
    choose("data/tiny/base", ["sums.yaml"], None, [f"suites.sums.{word}"])
