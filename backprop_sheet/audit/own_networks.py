"""The networks that the formulas of a workbook describe, if no known exercise fits its tables.

What reads them is imported when it is needed: most workbooks have a known exercise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import filterfalse
from pathlib import Path
from typing import TYPE_CHECKING

from backprop_sheet.audit.compare.table_comparison import Comparison
from backprop_sheet.audit.find.tables import Layout, Table
from backprop_sheet.audit.read.feedback_sheet import is_feedback
from backprop_sheet.audit.read.workbook import Sheet, read_sheets
from backprop_sheet.audit.results import Advice, Problem
from backprop_sheet.equations.intermediates import NEGATIVE
from backprop_sheet.equations.names import PARAMETER_KINDS, TOTAL_ERROR, gradient_name, kind_of
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.exercise.choices import update_rule
from backprop_sheet.exercise.model import Exercise
from backprop_sheet.exercise.sheet_names import is_auxiliary
from gradsheet.excel.provenance import EXERCISE, has_provenance

if TYPE_CHECKING:
    from backprop_sheet.audit.find.formula_regions import FormulaRegion
    from backprop_sheet.audit.find.layer_reading import UnreadNetworkError
    from backprop_sheet.audit.network_of_table import ReadNetwork

MAX_CELLS = 300_000  # of the sheets that are kept in memory


class OwnNetworks:
    """Reads networks from the formulas of one workbook.

    Attributes:
        reasons: why tables that look like those of a network could not be checked.
    """

    def __init__(self, path: Path, exercise: Exercise | None, tolerance: float) -> None:
        """Prepare the reading.

        Args:
            exercise: the exercise that its tables must be of; None for any.
        """
        self.reasons: list[Problem] = []
        self._regions: dict[str, Sequence[FormulaRegion]] = {}
        self._path, self._exercise, self._tolerance = path, exercise, tolerance

    @cached_property
    def sheets(self) -> dict[str, Sheet]:
        """The sheets that are kept in memory, by title: the first ones, up to MAX_CELLS."""
        sheets: dict[str, Sheet] = {}
        cells = 0
        for sheet in filterfalse(is_feedback, read_sheets(self._path, lambda *_: None)):
            cells += len(sheet.values)
            if cells > MAX_CELLS:
                break
            sheets[sheet.title] = sheet
        return sheets

    def is_left_out(self, sheet: Sheet) -> bool:
        """Whether a sheet has no table: of a workbook of this project, the sheets around them."""
        return is_auxiliary(sheet.title) and self._is_of_this_project

    @cached_property
    def _is_of_this_project(self) -> bool:
        return has_provenance(self._path, EXERCISE)

    def of_table(self, table: Table) -> ReadNetwork | None:
        """Compare a table with the network that its formulas describe; None if there is none."""
        return self.of_regions(self._regions_of(table))

    def _regions_of(self, table: Table) -> list[FormulaRegion]:
        """Return the regions of formulas that have cells of a table."""
        from backprop_sheet.audit.find.form_regions import form_region

        form = form_region(table)
        if form is not None:
            return [form]
        sheet = self.sheets.get(table.sheet)
        regions = self._regions_in(sheet) if sheet is not None else ()
        return [region for region in regions if _has_cells_of(region, table)]

    def _regions_in(self, sheet: Sheet) -> Sequence[FormulaRegion]:
        """Return the regions of formulas of a sheet, which may have many tables."""
        from backprop_sheet.audit.find.formula_regions import find_regions

        if sheet.title not in self._regions:
            self._regions[sheet.title] = list(find_regions(sheet))
        return self._regions[sheet.title]

    def regions_of_sheets(self) -> Iterator[list[FormulaRegion]]:
        """Yield the tables of each sheet that has some with formulas, each as it can be read.

        Lines and columns of the same cells may be filled: only one of these is a table.
        """
        for sheet in filterfalse(self.is_left_out, self.sheets.values()):
            regions = self._regions_in(sheet)
            main = [region for region in regions if region.layout is regions[0].layout]
            others = [region for region in regions if region.layout is not regions[0].layout]
            for region in sorted(main, key=lambda each: each.corner):
                yield [region, *(others if len(main) == 1 else filter(region.overlaps, others))]

    def of_regions(self, regions: list[FormulaRegion]) -> ReadNetwork | None:
        """Compare the first of some tables that has a network with it; None if none has."""
        from backprop_sheet.audit.find.layer_reading import UnreadNetworkError

        try:
            return self._first(regions, self._exercise)
        except UnreadNetworkError as error:
            self._note(error, regions)
            return None

    def _note(self, error: UnreadNetworkError, regions: list[FormulaRegion]) -> None:
        if error.is_like_network:
            # The given exercise does not fit: do the tables describe another network?
            is_of_another = self._exercise is not None and self._any(regions) is not None
            advice = (Advice.ANY_EXERCISE,) if is_of_another else ()
            self.reasons.append(Problem(f"could not be checked: {error}", advice=advice))

    def is_of_another(self, table: Table, comparison: Comparison, parameters_left: int) -> bool:
        """Whether the formulas of a table describe other neurons or biases than the exercise.

        The equations of a small network explain most columns of a larger one.

        Args:
            comparison: of the table with the exercise, by its headers.
            parameters_left: the number of columns that seem to be parameters and fit nothing.
        """
        if self._exercise is None or not is_doubtful(comparison, parameters_left):
            return False
        read = self._any(self._regions_of(table))
        if read is None or not explains_better(read, comparison, parameters_left):
            return False
        own, given = read.exercise.network, self._exercise.network
        return (own.neurons, own.bias) != (given.neurons, given.bias)

    def _any(self, regions: list[FormulaRegion]) -> ReadNetwork | None:
        from backprop_sheet.audit.find.layer_reading import UnreadNetworkError

        try:
            return self._first(regions, None)
        except UnreadNetworkError:
            return None

    def _first(self, regions: list[FormulaRegion], exercise: Exercise | None) -> ReadNetwork:
        from backprop_sheet.audit.find.layer_reading import UnreadNetworkError
        from backprop_sheet.audit.network_of_table import compare_with_own_network

        reasons: list[tuple[bool, UnreadNetworkError]] = []
        for region in regions:
            try:
                return compare_with_own_network(region, self.sheets, self._tolerance, exercise)
            except UnreadNetworkError as error:
                reasons.append((region.layout is Layout.ROWS, error))
        nothing = UnreadNetworkError("no formulas are filled down", is_like_network=False)
        # Where both lines and columns are filled, the records are mostly rows.
        order = sorted(reasons, key=lambda one: (one[1].is_like_network, one[0]))
        raise order[-1][1] if order else nothing


def is_doubtful(comparison: Comparison, parameters_left: int = 0) -> bool:
    """Whether so much of a table is wrong, missing or left that it may be of another network.

    Args:
        parameters_left: the number of columns that seem to be parameters and fit nothing.
    """
    limit = max(3, len(comparison.columns) // 4)
    return (
        comparison.wrong_columns >= limit
        or _has_other_functions(comparison)
        or _has_other_loss(comparison)
        or _has_other_updates(comparison)
        or _contradictions(comparison) + parameters_left > 0
        or (comparison.wrong_columns > 0 and _missing_parameters(comparison) > 0)
    )


def explains_better(read: ReadNetwork, comparison: Comparison, parameters_left: int) -> bool:
    """Whether a network that was read from formulas leaves much less of a table wrong.

    Args:
        parameters_left: the number of columns that seem to be parameters and fit nothing.
    """
    own, known = read.comparison.data.system, comparison.data.system
    is_other = _way(own) != _way(known)
    contradictions = _contradictions(comparison) + parameters_left
    if not is_other and not contradictions:
        return False
    if _missing_given(comparison):
        return True  # without its targets, errors and gradients could not be checked
    contradictions += _missing_parameters(comparison) + _missing_outputs(comparison)
    left = read.comparison.wrong_columns
    found = comparison.wrong_columns + parameters_left
    own_contradictions = _contradictions(read.comparison) + _missing_outputs(read.comparison)
    return 2 * left < found or (left <= found and own_contradictions < contradictions)


def _way(system: EquationSystem) -> tuple[object, ...]:
    """Return what makes the equations of a system, apart from the number of samples."""
    training = system.training
    reduction = training.reduction if system.is_batch else ""
    return system.network, training.loss, update_rule(training), reduction


def explains_more(comparison: Comparison, unknown: int, read: ReadNetwork) -> bool:
    """Whether a known exercise explains more of a table than what its formulas describe.

    Args:
        unknown: the number of columns that are no quantity of the exercise, and should be.
    """
    found = comparison.wrong_columns + unknown + len(comparison.data.missing)
    own = read.comparison.wrong_columns + len(read.unexplained)
    return (found, -len(comparison.columns)) < (own, -len(read.comparison.columns))


def fits_better(read: ReadNetwork, comparison: Comparison, unknown: int) -> bool:
    """Whether a file's exercise fits a table better if its columns are read from formulas.

    Args:
        unknown: the number of computed columns that fit nothing if they are read by their headers.
    """
    left = read.comparison.wrong_columns + len(read.unexplained)
    found = max(comparison.wrong_columns, unknown)
    if left != found:
        return left < found
    return bool(comparison.data.missing) and read.has_updates


def _has_other_functions(comparison: Comparison) -> bool:
    """Whether a whole layer has another activation, and the error or each other layer, too."""
    wrong, system = comparison.wrong_names, comparison.data.system
    layers = [{activation for _, activation in neurons} for neurons in system.layers]
    errors = {*system.errors, TOTAL_ERROR} & comparison.by_column.keys()
    others = [layer <= wrong for layer in layers]
    return any(others) and (bool(errors & wrong) or (len(others) > 1 and all(others)))


def _has_other_loss(comparison: Comparison) -> bool:
    """Whether an error is wrong, and how it changes with an output, too: one may follow the other.

    Without columns for that, the gradients of the last layer tell.
    """
    wrong, system = comparison.wrong_names, comparison.data.system
    if wrong.isdisjoint({*system.errors, TOTAL_ERROR}):
        return False
    layer = system.layers[-1]
    outputs = {gradient_name(name) for neuron in layer for name in neuron}
    changing = {name.removeprefix(NEGATIVE) for name in wrong}
    gradients = {gradient_name(weight) for weight in system.names.layer_weights[-1]}
    return not changing.isdisjoint(outputs) or gradients <= changing


def _has_other_updates(comparison: Comparison) -> bool:
    """Whether no update follows the optimizer, however few there are: y = a*x + b has two."""
    return comparison.wrong_names.issuperset(comparison.data.system.trained)


def _contradictions(comparison: Comparison) -> int:
    """Count the fixed biases that change, and the inputs and targets that were not found."""
    biases = comparison.data.system.biases
    return sum(each.column in biases for each in comparison.given) + _missing_given(comparison)


def _missing_given(comparison: Comparison) -> int:
    data = comparison.data
    return sum(name in (*data.system.inputs, *data.system.targets) for name in data.missing)


def _missing_parameters(comparison: Comparison) -> int:
    """Count the weights and biases that a table does not have."""
    return sum(kind_of(name) in PARAMETER_KINDS for name in comparison.data.missing)


def _missing_outputs(comparison: Comparison) -> int:
    """Count the outputs without a column: what is taken for their sums may be linear outputs."""
    outputs = {activation for _, activation in comparison.data.system.layers[-1]}
    return len(outputs & set(comparison.data.missing))


def _has_cells_of(region: FormulaRegion, table: Table) -> bool:
    """Whether a region has cells of a table."""
    for name in table.names:
        address = table.cell(name, 0)
        if address is None or address.sheet != region.sheet.title:
            continue
        along, across = region.position((address.row, address.column))
        if region.first <= along <= region.last and across in region.lines:
            return True
    return False
