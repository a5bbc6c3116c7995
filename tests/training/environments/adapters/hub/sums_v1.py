"""A taskset of verifiers 0.4 with a tool server, as an author of the Environments Hub writes it."""

import verifiers.v1 as vf  # noqa: TID251


class SumsConfig(vf.TasksetConfig):
    count: int = 3


class SumsData(vf.TaskData):
    answer: int


class Adder(vf.Toolset[vf.ToolsetConfig, vf.State]):
    @vf.tool
    def add(self, a: int, b: int) -> int:
        """Add two numbers."""
        return a + b


class SumsTask(vf.Task[SumsData, vf.State, vf.TaskConfig]):
    @classmethod
    def toolsets(cls, config):
        return [Adder(vf.ToolsetConfig())]

    @vf.reward
    async def right(self, task, trace) -> float:
        return float(trace.last_reply == str(task.answer))


class Sums(vf.Taskset[SumsTask, SumsConfig]):
    def load(self):
        for i in range(self.config.count):
            yield SumsTask(SumsData(prompt=f"{i} + 2 = ?", system_prompt="Add.", answer=i + 2), self.config.task)


__all__ = ["Sums"]

if __name__ == "__main__":
    Adder.run()
