"""The commands of a group, each imported when it is needed."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, MutableMapping

import click


class LazyCommands(MutableMapping[str, click.Command]):
    """Commands by name. The command ``check`` is the function ``check`` of a module ``check``."""

    def __init__(self, package: str, names: Iterable[str]) -> None:
        """Know the names, and import nothing yet."""
        self._package = package
        self._commands: dict[str, click.Command | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        command = self._commands[name]
        if command is None:
            module = importlib.import_module(f"{self._package}.{name}")
            command = self._commands[name] = getattr(module, name)
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)

    def __contains__(self, name: object) -> bool:  # without importing it
        return name in self._commands
