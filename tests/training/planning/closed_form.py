"""Decoding times in closed form, to compare the planner's event simulation with."""

from openqwq.training.planning.timing import Engine


def seconds_of_equal_responses(engine: Engine, count: int, length: float, prompt: float) -> float:
    """`Engine.seconds_to_sample` of `count` equal responses: full batches of `slots` samples, then a smaller one."""
    full, rest = divmod(count, engine.slots)
    context = prompt + length / 2
    iteration = full * engine.iteration(engine.slots, context) + (engine.iteration(rest, context) if rest else 0.0)
    return length * iteration + engine.prefill(prompt * count)
