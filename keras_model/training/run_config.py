"""What decides the numbers of a run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from keras_model.networks.architecture import Architecture, NetworkError
from keras_model.networks.network_file import network_text, packaged_network, parse_network
from keras_model.recipe import Recipe, from_dict

MAX_SEED = 2**31 - 1
# In version 0.5, the rate of the recipe `original`; now it is the network's own.
_ORIGINAL_DROPOUT = 0.05


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run's numbers, except the hardware and the versions."""

    recipe: Recipe
    seed: int
    data: str  # Digits.name
    deterministic: bool = False
    network: Architecture = field(default_factory=packaged_network)

    def with_epochs(self, epochs: int) -> RunConfig:
        """Return the same configuration with another number of epochs."""
        return replace(self, recipe=self.recipe.replace(epochs=epochs))

    def to_dict(self) -> dict[str, Any]:
        """Every value under its name, for JSON."""
        return {
            "recipe": self.recipe.to_dict(),
            "seed": self.seed,
            "data": self.data,
            "deterministic": self.deterministic,
            "network": {"name": self.network.name, "file": network_text(self.network)},
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunConfig:
        """Return the configuration that :meth:`to_dict` described.

        Raises:
            ValueError: a value is missing or wrong.
        """
        try:
            recipe = from_dict(values["recipe"])
            seed, data, deterministic = (values[name] for name in ("seed", "data", "deterministic"))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not the configuration of a run: {error}") from error
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
            raise ValueError(f"seed must be 0 to {MAX_SEED}, got {seed!r:.40}")
        if not (isinstance(data, str) and isinstance(deterministic, bool)):
            raise ValueError("not the configuration of a run: data or deterministic is of no use")
        if "network" not in values and recipe.dropout == _ORIGINAL_DROPOUT:
            recipe = replace(recipe, dropout=None)
        return cls(recipe, seed, data, deterministic, _network(values))


def _network(values: dict[str, Any]) -> Architecture:
    """Return the network of a saved configuration; a run of version 0.5 has the original's."""
    saved = values.get("network")
    if saved is None:
        return packaged_network()
    if not isinstance(saved, dict) or not isinstance(saved.get("file"), str):
        raise ValueError("not the configuration of a run: it has no network")
    try:
        network = parse_network(saved["file"], str(saved.get("name", "")))
        _ = network.places
    except NetworkError as error:
        raise ValueError(f"its network {error}") from error
    return network
