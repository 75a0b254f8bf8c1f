"""The equations of an exercise: forward pass, error, gradients and updates.

The values, the Excel formulas, the explanations and the audit are all generated from these
equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from types import MappingProxyType

from backprop_sheet.equations.backward import backward_equations
from backprop_sheet.equations.columns import Role, inline, lay_out_columns
from backprop_sheet.equations.equation import Equation, Step
from backprop_sheet.equations.forward import forward_equations
from backprop_sheet.equations.intermediates import chain_rules, intermediate_definitions
from backprop_sheet.equations.names import (
    LEARNING_RATE,
    MEAN_ERROR,
    TOTAL_ERROR,
    Connection,
    Kind,
    NetworkNames,
    Neuron,
    Quantity,
    gradient_name,
    name_quantities,
)
from backprop_sheet.equations.updates import update_equations
from backprop_sheet.exercise.model import Exercise, Network, Training
from backprop_sheet.symbolic.expressions import Expression, Name, rename


@dataclass(frozen=True, eq=False)
class EquationSystem:
    """All equations of an exercise, in the order of computation, and the columns of its table.

    :func:`system_of` gives the system of an exercise.

    Attributes:
        training: without learning rates and a number of iterations.
        names: the names of the network's quantities.
        quantities: one :class:`Quantity` per name, those of derivatives and states included.
        equations: every :class:`Equation`, in the order of computation.
        columns: the columns of the table, left to right, with their groups. The columns
            ``iteration`` and ``sample`` come before these.
        within_row: the right-hand sides of the columns that are computed from their own row, in
            the order of computation.
        inlined: the right-hand sides of the derivatives without a column. The formulas in
            ``within_row`` contain them.
        updates: the right-hand sides of the columns that are computed from the previous
            iteration: optimizer state, then parameters.
    """

    network: Network
    training: Training
    sample_count: int
    names: NetworkNames
    quantities: Mapping[str, Quantity]
    equations: tuple[Equation, ...]
    columns: Mapping[str, Role]
    within_row: Mapping[str, Expression]
    inlined: Mapping[str, Expression]
    updates: Mapping[str, Expression]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs, in order."""
        return self.names.inputs

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets, in order."""
        return self.names.targets

    @property
    def errors(self) -> tuple[str, ...]:
        """The errors of the outputs, in order."""
        return self.names.errors

    @property
    def layers(self) -> tuple[tuple[Neuron, ...], ...]:
        """The neurons of each layer after the inputs: pairs (weighted sum, activation)."""
        return self.names.layers

    @property
    def hidden(self) -> tuple[tuple[Neuron, ...], ...]:
        """The neurons of each hidden layer."""
        return self.names.hidden

    @property
    def outputs(self) -> tuple[Neuron, ...]:
        """The neurons of the output layer."""
        return self.names.outputs

    @property
    def layer_weights(self) -> tuple[tuple[str, ...], ...]:
        """The weights of each layer after the inputs."""
        return self.names.layer_weights

    @property
    def layer_biases(self) -> tuple[tuple[str, ...], ...]:
        """The biases of each layer after the inputs."""
        return self.names.layer_biases

    @property
    def connections(self) -> Mapping[str, Connection]:
        """One :class:`Connection` per weight, by the weight's name."""
        return self.names.connections

    @property
    def bias_targets(self) -> Mapping[str, tuple[str, ...]]:
        """For each bias, the weighted sums that it is added to."""
        return self.names.bias_targets

    @cached_property
    def weights(self) -> tuple[str, ...]:
        """The weights, in order."""
        return self.names.weights

    @cached_property
    def biases(self) -> tuple[str, ...]:
        """The biases, in order."""
        return self.names.biases

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The weights, then the biases."""
        return self.names.parameters

    @property
    def trained(self) -> tuple[str, ...]:
        """The parameters that are updated."""
        return self.names.trained

    @property
    def hyperparameters(self) -> Mapping[str, float]:
        """The values of the optimizer's hyperparameters, by symbol."""
        return self.training.hyperparameters

    @property
    def is_batch(self) -> bool:
        """Whether an update uses all samples."""
        return self.training.is_batch(self.sample_count)

    @property
    def rows_per_iteration(self) -> int:
        """The number of rows of an iteration: one per sample if an update uses all samples."""
        return self.sample_count if self.is_batch else 1

    def table_rows(self, iterations: int) -> int:
        """Return the number of rows of a table, those of iteration 0 included."""
        return (iterations + 1) * self.rows_per_iteration

    @property
    def compared_error(self) -> str:
        """The error by which results are compared: E_total, or E_mean for several samples."""
        return MEAN_ERROR if self.has_sample_column else TOTAL_ERROR

    @property
    def has_sample_column(self) -> bool:
        """Whether the table has the columns ``sample`` and E_mean."""
        return self.sample_count > 1

    @staticmethod
    def gradient(parameter: str) -> str:
        """Return the name of the derivative of the error by a quantity: ``∂E/∂w1``."""
        return gradient_name(parameter)

    @cached_property
    def correct(self) -> Mapping[str, Expression]:
        """The right-hand side of every computed column."""
        return MappingProxyType({**self.within_row, **self.updates})

    @cached_property
    def definitions(self) -> Mapping[str, Expression]:
        """The right-hand sides within a row, also of the derivatives without a column."""
        return MappingProxyType({**self.within_row, **self.inlined, **self.intermediates})

    @cached_property
    def chain_rules(self) -> Mapping[str, Expression]:
        """Each derivative in terms of other derivatives, in the order of computation."""
        forward = {
            equation.name: equation.rhs
            for equation in self.equations
            if equation.step in (Step.FORWARD, Step.ERROR)
        }
        return MappingProxyType(chain_rules(self.names, forward))

    @cached_property
    def intermediates(self) -> Mapping[str, Expression]:
        """The derivatives that people may give columns, and that a table does not need."""
        return MappingProxyType(
            intermediate_definitions(self.chain_rules, self.within_row, self.inlined)
        )

    @cached_property
    def states(self) -> tuple[str, ...]:
        """The optimizer's state columns."""
        return tuple(name for name, role in self.columns.items() if role is Role.STATE)

    @cached_property
    def constants(self) -> tuple[str, ...]:
        """The names with one value for the whole table: η and the hyperparameters."""
        return (LEARNING_RATE, *self.hyperparameters)


def system_of(exercise: Exercise) -> EquationSystem:
    """Return the equations of an exercise."""
    return equation_system(exercise.network, exercise.training, len(exercise.samples))


def equation_system(network: Network, training: Training, sample_count: int) -> EquationSystem:
    """Return the equations of a network and its training, which are derived once.

    They are the same for all learning rates and numbers of iterations, such as those of a class.
    """
    return derived(network, replace(training, learning_rates=(), iterations=0), sample_count)


@lru_cache(maxsize=128)
def derived(network: Network, training: Training, sample_count: int) -> EquationSystem:
    """Return the equations of a network and of a training without rates; the last ones are kept."""
    names = name_quantities(network)
    forward = forward_equations(network, training, names)
    backward = backward_equations(network, names, forward)
    update = list(update_equations(training, names, training.is_batch(sample_count)))
    has_mean = sample_count > 1
    columns = lay_out_columns(names, backward, update, has_mean=has_mean)
    within_row, inlined = inline([*forward, *backward], columns)
    quantities = dict(names.quantities)
    quantities |= {equation.name: equation.quantity for equation in (*backward, *update)}
    if has_mean:
        quantities[MEAN_ERROR] = Quantity(MEAN_ERROR, Kind.MEAN)
    return EquationSystem(
        network,
        training,
        sample_count,
        names,
        MappingProxyType(quantities),
        (*forward, *backward, *update),
        MappingProxyType(columns),
        MappingProxyType(within_row),
        MappingProxyType(inlined),
        MappingProxyType({equation.name: equation.rhs for equation in update}),
    )


@lru_cache(maxsize=128)
def without_columns(system: EquationSystem, missing: frozenset[str]) -> EquationSystem:
    """Return a system whose table lacks some columns: the formulas of others contain theirs.

    Parameters, optimizer states, and gradients that are reduced over the samples of an iteration,
    cannot be left out.
    """
    kinds = {Kind.SUM, Kind.ACTIVATION, Kind.ERROR}
    if system.rows_per_iteration == 1:
        kinds |= {Kind.ADJOINT, Kind.GRADIENT}
    columns = {
        name: role
        for name, role in system.columns.items()
        if name not in missing or system.quantities[name].kind not in kinds
    }
    of_rows = [one for one in system.equations if one.name in system.definitions]
    within_row, inlined = inline(of_rows, columns)
    before = {name: rename(rhs, _of_row_above) for name, rhs in inlined.items()}

    def spelled_out(name: Name) -> Expression:
        return before.get(name.name, name) if name.shift == -1 else name

    updates = {name: rename(rhs, spelled_out) for name, rhs in system.updates.items()}
    return replace(
        system,
        columns=MappingProxyType(columns),
        within_row=MappingProxyType(within_row),
        inlined=MappingProxyType(inlined),
        updates=MappingProxyType(updates),
    )


def _of_row_above(name: Name) -> Expression:
    return Name(name.name, name.shift - 1)
