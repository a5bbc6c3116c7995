"""An environment of verifiers 0.3 with turns of its own."""

from datasets import Dataset

import verifiers as vf  # noqa: TID251


class Game(vf.MultiTurnEnv):
    async def setup_state(self, state):
        state["tries"] = 0
        return state

    @vf.stop
    async def won(self, state) -> bool:
        return bool(state.get("won"))

    async def env_response(self, messages, state, **kwargs):
        last = messages[-1]
        said = last["content"] if isinstance(last, dict) else last.content
        if said == "break":
            raise vf.Error("the board fell")
        state["tries"] += 1
        if said == state["answer"]:
            state["won"] = True
            state["final_env_response"] = [{"role": "user", "content": "Yes."}]
            return state["final_env_response"]
        return [{"role": "user", "content": f"No, try {state['tries'] + 1}."}]


def load_environment():
    data = Dataset.from_list([{"question": "Guess.", "answer": str(i)} for i in range(5)])

    def score(state) -> float:
        return float(state.get("won", False))

    return Game(dataset=data, rubric=vf.Rubric(funcs=[score]), max_turns=3)
