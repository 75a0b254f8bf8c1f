"""Functions of JAX that numbers are compared with.

Only :mod:`oracles.jax_process` imports this module, in a process of its own.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.example_libraries import optimizers
from oracles.jax_process import Layout


def _error(
    parameters: jax.Array, place: Layout, inputs: jax.Array, targets: jax.Array
) -> jax.Array:
    """E_total of one sample."""

    def next_layer(a: jax.Array, here: tuple[jax.Array, ...]) -> tuple[jax.Array, None]:
        weights, biases, used, activation = here
        x = parameters[weights] @ a + parameters[biases]
        # The derivative of relu at 0 is 0, by the usual convention.
        results = [jax.nn.sigmoid(x), jnp.tanh(x), jnp.where(x > 0, x, 0.0), x]
        results.append(jax.nn.softmax(x, where=used))
        return jnp.where(used, jnp.stack(results)[activation], 0.0), None

    a, _ = jax.lax.scan(next_layer, inputs, place[:4])
    used = place.used[-1]
    t, a = jnp.where(used, targets, 0.5), jnp.where(used, a, 0.5)
    inside = jnp.where(place.loss >= 3, a, 0.5)  # an argument that ln accepts
    terms = [(t - a) ** 2 / 2, (t - a) ** 2, (t - a) ** 2 / used.sum()]
    terms.append(-t * jnp.log(inside) - (1 - t) * jnp.log(jnp.where(place.loss == 3, 1 - a, 0.5)))
    terms.append(-t * jnp.log(inside))
    return jnp.where(used, jnp.stack(terms)[place.loss], 0.0).sum()


@jax.jit
def _errors_and_gradients(
    parameters: jax.Array, place: Layout, inputs: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """E_total of each sample, and its gradients (sample, parameter)."""
    of_sample = jax.value_and_grad(_error)
    return jax.vmap(of_sample, in_axes=(None, None, 0, 0))(parameters, place, inputs, targets)


def errors_and_gradients(
    parameters: np.ndarray, place: Layout, inputs: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """E_total of each sample, and its gradients (sample, parameter), in double precision."""
    with jax.enable_x64(True):
        errors, gradients = _errors_and_gradients(parameters, place, inputs, targets)
        return np.asarray(errors), np.asarray(gradients)


def optimized(
    optimizer: str, arguments: tuple[float, ...], start: np.ndarray, gradients: np.ndarray
) -> np.ndarray:
    """The parameters (step, parameter) after each step of an optimizer of JAX."""
    with jax.enable_x64(True):
        begin, update, parameters_of = getattr(optimizers, optimizer)(*arguments)
        state = begin(start)
        found = []
        for step, gradient in enumerate(gradients):
            state = update(step, gradient, state)
            found.append(np.asarray(parameters_of(state)))
        return np.array(found)
