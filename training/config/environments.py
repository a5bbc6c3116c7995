"""Which environment answers the tool calls of a task, and what one episode of it may cost (docs/environments.md)."""

from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from openqwq.training.config.section import Section


class EnvironmentLimits(Section):
    """What one episode may cost. An episode belongs to one sample, and so does what exceeds a limit."""

    call_seconds: float = Field(default=60.0, gt=0, le=86_400)
    """Longest time of one call of the environment, such as its answer to a turn. What takes longer is abandoned, and
    its sample is masked."""
    episode_seconds: float = Field(default=600.0, gt=0, le=864_000)
    """Longest time of all calls of an episode together. The time in which the model is sampled does not count."""
    max_calls: int | None = Field(default=None, ge=1)
    """Largest number of tool calls of a sample that are run. Further ones are answered with an error. null: no limit
    but `sampling.max_turns`."""
    max_invalid_calls: int | None = Field(default=None, ge=0)
    """Largest number of calls of a sample that are malformed, name no offered tool or do not fit its schema. The turn
    with one more ends the sample as `turns`, like the turn limit. null: no limit."""
    max_tool_tokens: int | None = Field(default=None, ge=16)
    """Largest number of tokens of one tool's answer; a longer one loses its middle. null: as the environment's
    `max_answer_characters` says, 2000 characters by default."""


class EnvironmentUse(Section):
    """An environment and its arguments. A bare name is short for `{name: NAME}`."""

    name: str
    """Built-in name, entry point of the group `openqwq.environments`, or `path.py:Attribute`: a class, a function that
    makes an environment, a typed function or a list of typed functions, which are tools. A relative path counts from
    the recipe's folder."""
    arguments: dict[str, Any] = {}
    """Keyword arguments with which an environment is made for each sample."""
    limits: EnvironmentLimits = EnvironmentLimits()
    """What one episode may cost."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone_is_enough(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    @model_serializer(mode="wrap")
    def _as_it_is_written(self, write: SerializerFunctionWrapHandler) -> Any:
        """A bare name where nothing else is said, as in recipes of earlier versions."""
        return self.name if self == EnvironmentUse(name=self.name) else write(self)


class _OrItsName:
    """Adds to the JSON schema that a bare name is enough."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler(schema)]}


EnvironmentKey = Annotated[EnvironmentUse, _OrItsName()]
"""The type of a key that takes an environment."""
