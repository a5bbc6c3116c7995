"""The names that environments of others import from here; they live in `training/environments`."""

from openqwq.training.environments.calculator import CalculatorEnvironment as CalculatorEnvironment
from openqwq.training.environments.calculator import calculate as calculate
from openqwq.training.environments.catalogue import environment_factory as environment_factory
from openqwq.training.environments.contract import AssistantTurn as AssistantTurn
from openqwq.training.environments.contract import Environment as Environment
from openqwq.training.environments.contract import StepResult as StepResult
