"""The recipe schema: what may stand in a YAML file, its defaults, and what each key means.

`files.py` reads recipes and overrides; nothing else here touches the disk. Independent of what
a key does.
"""

from openqwq.training.config.cluster import Assumptions, Cluster, Role, RolloutRole, TrainerRole
from openqwq.training.config.data import PromptSource, Source, Suite
from openqwq.training.config.environments import EnvironmentLimits, EnvironmentUse
from openqwq.training.config.recipe import Checkpoints, Evaluation, Logging, Recipe, Sandbox
from openqwq.training.config.rewards import Composition, Penalty, Rewards, TaskReward, VerifierUse
from openqwq.training.config.rl import (
    Alert,
    Algorithm,
    Critic,
    Kl,
    Lora,
    MaskedImportance,
    Optimizer,
    Sampling,
    Schedule,
)
from openqwq.training.config.section import Section
from openqwq.training.config.stages import (
    Gate,
    RegressionCheck,
    RewardModelGate,
    RewardModelStage,
    RlStage,
    SftStage,
    Stage,
    StageBase,
    Tripwire,
)

__all__ = [
    "Alert",
    "Algorithm",
    "Assumptions",
    "Checkpoints",
    "Cluster",
    "Composition",
    "Critic",
    "EnvironmentLimits",
    "EnvironmentUse",
    "Evaluation",
    "Gate",
    "Kl",
    "Logging",
    "Lora",
    "MaskedImportance",
    "Optimizer",
    "Penalty",
    "PromptSource",
    "Recipe",
    "RegressionCheck",
    "RewardModelGate",
    "RewardModelStage",
    "Rewards",
    "RlStage",
    "Role",
    "RolloutRole",
    "Sampling",
    "Sandbox",
    "Schedule",
    "Section",
    "SftStage",
    "Source",
    "Stage",
    "StageBase",
    "Suite",
    "TaskReward",
    "TrainerRole",
    "Tripwire",
    "VerifierUse",
]
