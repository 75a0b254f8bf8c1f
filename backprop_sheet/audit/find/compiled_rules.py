"""The right-hand sides of an equation system, compiled when they are needed first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from backprop_sheet.audit.compare.expected import row_rhs
from backprop_sheet.equations.system import EquationSystem
from backprop_sheet.symbolic.evaluation import compiled
from backprop_sheet.symbolic.expressions import Expression, names

Compiled = Callable[[Mapping[str, Any]], Any]


class Rules(Mapping[str, Compiled]):
    """Compiled right-hand sides, by name; each is compiled when it is needed first."""

    def __init__(self, rules: Mapping[str, Expression]) -> None:
        self._rules, self._compiled = rules, dict[str, Compiled]()
        self._used: dict[str, tuple[str, ...]] = {}

    def __getitem__(self, name: str) -> Compiled:
        rule = self._compiled.get(name)
        if rule is None:
            rule = self._compiled[name] = compiled(self._rules[name])
        return rule

    def used(self, name: str) -> tuple[str, ...]:
        """Return the names that a right-hand side has."""
        used = self._used.get(name)
        if used is None:
            terms = names(self._rules[name])
            used = self._used[name] = tuple(dict.fromkeys(term.name for term in terms))
        return used

    def __contains__(self, name: object) -> bool:
        return name in self._rules

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)


@lru_cache(maxsize=64)
def rules_within_row(system: EquationSystem) -> tuple[Rules, Rules]:
    """Return the right-hand sides within a row: from scratch, and by the chain rule."""
    return Rules(system.definitions), Rules(system.chain_rules)


@lru_cache(maxsize=64)
def used_within_row(
    system: EquationSystem,
) -> Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the names that each of the two :func:`rules_within_row` has for a quantity."""
    from_scratch, by_chain_rule = rules_within_row(system)
    names_used = {name: from_scratch.used(name) for name in from_scratch}
    return {
        name: (names_used.get(name, ()), by_chain_rule.used(name) if name in by_chain_rule else ())
        for name in (*from_scratch, *by_chain_rule)
    }


@lru_cache(maxsize=64)
def compiled_updates(system: EquationSystem) -> Mapping[str, tuple[Compiled, frozenset[str]]]:
    """Return the right-hand side of each update, and the names that it has."""
    result = {}
    for name in system.updates:
        rhs = row_rhs(system, name)
        result[name] = compiled(rhs), frozenset(used.name for used in names(rhs))
    return result


@lru_cache(maxsize=64)
def used_names(system: EquationSystem) -> Mapping[str, tuple[str, ...]]:
    """Return for each quantity those from which it follows, also by the chain rule."""
    rules = [*system.definitions.items(), *system.chain_rules.items()]
    rules += [(name, row_rhs(system, name)) for name in system.updates]
    result: dict[str, dict[str, None]] = {}
    for name, rule in rules:
        result.setdefault(name, {}).update(dict.fromkeys(used.name for used in names(rule)))
    return {name: tuple(used) for name, used in result.items()}
