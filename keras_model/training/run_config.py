"""What decides the numbers of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from keras_model.recipe import Recipe, from_dict

MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run's numbers, except the hardware and the versions."""

    recipe: Recipe
    seed: int
    data: str  # Digits.name
    deterministic: bool = False

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
        return cls(recipe, seed, data, deterministic)
