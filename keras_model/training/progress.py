"""Progress of a training and of a sweep: a bar in a terminal, one line per epoch elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from keras_model.evaluation import Evaluation
from keras_model.training.epoch import Epoch

if TYPE_CHECKING:
    from tqdm import tqdm


def _bar(total: int, description: str = "") -> tqdm[NoReturn]:
    from tqdm import tqdm

    return tqdm(
        total=total,
        desc=description,
        file=sys.stderr,
        leave=False,
        bar_format="{desc} {percentage:3.0f}% |{bar:20}| {remaining} left{postfix}",
    )


class EpochProgress:
    """The progress of one training, with one bar per epoch."""

    def __init__(self, epochs: int, steps: int, say: Callable[[str], None] = print) -> None:
        self.epochs, self.steps, self.say = epochs, steps, say
        self.bar: tqdm[NoReturn] | None = None
        self.live = sys.stderr.isatty()

    def __enter__(self) -> EpochProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def batch(self, epoch: int, batch: int, figures: dict[str, float]) -> None:
        """Show the running metrics."""
        if not self.live:
            return
        if self.bar is None:
            self.bar = _bar(self.steps, f"Epoch {epoch}/{self.epochs}")
        shown: dict[str, object] = {
            name: f"{figures[name]:.4f}" for name in ("loss", "accuracy") if name in figures
        }
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update(batch - self.bar.n)

    def epoch(self, row: Epoch, evaluation: Evaluation) -> None:
        """Print a finished epoch."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
        self.say(
            f"Epoch {row.epoch}/{self.epochs}: {row.seconds:.1f} s, loss {row.loss:.4f}, "
            f"accuracy {row.accuracy:.2%}" + ("\n" if self.live else "; ") + evaluation.line()
        )


class SweepProgress:
    """The progress of a sweep: one bar for the epochs of all trainings."""

    def __init__(self, epochs: int, say: Callable[[str], None] = print) -> None:
        self.total, self.say = epochs, say
        self.bar: tqdm[NoReturn] | None = None
        self._done: dict[str, int] = {}

    def __enter__(self) -> SweepProgress:
        if sys.stderr.isatty():
            self.bar = _bar(self.total)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def tell(self, line: str) -> None:
        """Print a line above the bar."""
        if self.bar is not None:
            self.bar.write(line, file=sys.stdout)
        else:
            self.say(line)

    def set_done(self, name: str, epochs: int) -> None:
        """Count so many epochs of the training of that name as done."""
        more = epochs - self._done.get(name, 0)  # negative where a training starts again
        self._done[name] = epochs
        if self.bar is not None:
            self.bar.update(more)

    def epoch(self, name: str, row: Epoch) -> None:
        """Show a finished epoch of the training of that name."""
        self.set_done(name, row.epoch)
        words = f"{name}, epoch {row.epoch}: {row.test_accuracy:.2%}"
        if self.bar is not None:
            self.bar.set_description_str(words)
        else:
            self.say(f"{words} ({sum(self._done.values())}/{self.total})")
