"""A taskset of verifiers 0.4 whose environment speaks first and plays the user."""

import verifiers.v1 as vf  # noqa: TID251


class GuessData(vf.TaskData):
    secret: int


class GuessTask(vf.Task[GuessData, vf.State, vf.TaskConfig]):
    pass


class GuessEnvConfig(vf.EnvConfig):
    player: vf.AgentConfig = vf.AgentConfig()


class GuessEnv(vf.Env[GuessEnvConfig]):
    async def run(self, task, agents):
        won = 0.0
        async with agents.player.interaction(task) as interaction:
            segment = await interaction.turn("Guess my number.")
            while not segment.terminated:
                if segment.last_reply == "break":
                    raise ValueError("the board fell")
                if segment.last_reply == str(task.data.secret):
                    won = 1.0
                    break
                segment = await interaction.turn("No.")
        interaction.trace.record_reward("won", won)


class Guess(vf.Taskset[GuessTask, vf.TasksetConfig]):
    def load(self):
        for i in range(5):
            yield GuessTask(GuessData(prompt=None, secret=i), self.config.task)


__all__ = ["Guess", "GuessEnv"]
