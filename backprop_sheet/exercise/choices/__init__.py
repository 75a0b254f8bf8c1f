"""The activations, losses and optimizers of an exercise, each defined once.

Everything that is true of one activation, loss or optimizer stands in its definition here: its
expression, its bound, its words, its spellings in headers, and the mistakes that are its own. The
functions that the expressions call are in :mod:`backprop_sheet.symbolic.functions`, each with its
derivative, its Excel formula and its LaTeX.
"""

from backprop_sheet.exercise.choices.activations import ACTIVATIONS, Activation, activation_named
from backprop_sheet.exercise.choices.losses import LOSSES, Loss, loss_named
from backprop_sheet.exercise.choices.optimizers import (
    MOMENTUM,
    MOMENTUM_FORMS,
    OPTIMIZERS,
    WEIGHT_DECAY,
    Hyperparameter,
    Optimizer,
    State,
    UpdateRule,
    hyperparameter_key,
    optimizer_named,
    update_rule,
)

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "MOMENTUM",
    "MOMENTUM_FORMS",
    "OPTIMIZERS",
    "WEIGHT_DECAY",
    "Activation",
    "Hyperparameter",
    "Loss",
    "Optimizer",
    "State",
    "UpdateRule",
    "activation_named",
    "hyperparameter_key",
    "loss_named",
    "optimizer_named",
    "update_rule",
]
