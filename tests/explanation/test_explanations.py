"""The explanations: true for any network, and in the words of the network at hand."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from backprop_sheet.equations.names import Kind
from backprop_sheet.equations.system import EquationSystem, system_of
from backprop_sheet.exercise.exercise_file import load_exercise, parse_exercise
from backprop_sheet.exercise.packaged import packaged_exercises
from backprop_sheet.explanation.sentences import (
    chain_rules,
    connection_text,
    explain,
    mean_error_sentence,
    notes,
    sentences,
)
from backprop_sheet.symbolic.prose import formula_text

OPTIMIZERS = {
    "sgd": "",
    "momentum": "momentum = 0.9",
    "nesterov": "momentum = 0.9\nnesterov = true",
    "average": 'momentum = 0.9\nmomentum_form = "average"',
    "rmsprop": 'optimizer = "rmsprop"',
    "adam": 'optimizer = "adam"',
    "adamw": 'optimizer = "adamw"',
}


def described(
    neurons: list[int],
    activations: list[str],
    bias: str = "none",
    loss: str = "half_squared_error",
    samples: int = 1,
    update: str = "batch_mean",
    optimizer: str = "sgd",
) -> EquationSystem:
    sample = f"[[samples]]\ninputs = {[0.5] * neurons[0]}\ntargets = {[0.5] * neurons[-1]}\n"
    text = f"""
title = "test"
[network]
neurons = {neurons}
activations = {activations}
bias = "{bias}"
[parameters]
seed = 1
{sample * samples}
[training]
loss = "{loss}"
update = "{update}"
{OPTIMIZERS[optimizer]}
"""
    return system_of(parse_exercise(text.replace("'", '"')))


def explanations(system: EquationSystem) -> dict[str, str]:
    return {equation.name: explain(system, equation) for equation in system.equations}


ODD = {
    "1-1": ([1, 1], ["linear"]),
    "1-1-1": ([1, 1, 1], ["sigmoid", "sigmoid"]),
    "three hidden layers": ([2, 3, 1, 2, 2], ["tanh", "relu", "sigmoid", "linear"], "neuron"),
    "layer bias": ([2, 8, 6], ["sigmoid", "sigmoid"], "layer", "squared_error"),
    "softmax, squared": ([2, 2, 4], ["tanh", "softmax"], "layer", "half_squared_error"),
    "online": ([2, 2, 1], ["relu", "sigmoid"], "neuron", "binary_cross_entropy", 3, "online"),
    "sum": ([2, 2, 2], ["tanh", "sigmoid"], "layer", "cross_entropy", 3, "batch_sum", "adamw"),
    "nesterov": ([1, 1, 2], ["linear", "linear"], "none", "mean_squared_error", 2, "batch_mean",
                 "nesterov"),
    "rmsprop": ([1, 2, 1], ["tanh", "tanh"], "none", "squared_error", 1, "batch_mean", "rmsprop"),
}  # fmt: skip
SYSTEMS = {name: system_of(load_exercise(name)) for name in packaged_exercises()}
SYSTEMS |= {name: described(*settings) for name, settings in ODD.items()}


@pytest.fixture(params=SYSTEMS)
def system(request) -> EquationSystem:
    return SYSTEMS[request.param]


def test_every_equation_is_explained_in_whole_sentences(system):
    for text in explanations(system).values():
        assert re.fullmatch(r"\S.*[.]", text)
        assert "`" not in text
        assert "  " not in text
        assert " ." not in text
        assert "None" not in text
        for sentence in re.split(r"(?<=\.) ", text):
            assert len(sentence) < 200, "a long sentence"


def test_names_in_an_explanation_are_names_of_the_system(system):
    constants = {*system.constants, "n", "x", "w"}
    for equation in system.equations:
        parts = [part for text in sentences(system, equation) for part in text.parts]
        for written in (formula_text(part) for part in parts if not isinstance(part, str)):
            names = re.findall(r"∂\w+/∂(\w+)|([A-Za-zα-ω]\w*)", written)
            for name in {name for pair in names for name in pair} - {"", "σ", "exp"}:
                assert name in system.quantities or name in constants, (written, equation.name)


def paths_to_error(system: EquationSystem, start: str) -> int:
    """Count the paths from a quantity to the next quantities with a known derivative, or to E."""
    sizes = system.network.neurons
    softmax = system.network.activations[-1] == "softmax"
    quantity = system.quantities[start]
    last = len(sizes) - 1
    match quantity.kind:
        case Kind.WEIGHT:
            return 1
        case Kind.BIAS:
            return sizes[quantity.layer] if system.network.bias == "layer" else 1
        case Kind.ACTIVATION:
            return sizes[quantity.layer + 1]
        case Kind.SUM:
            assert softmax
            assert quantity.layer == last
            return sizes[last]
    raise AssertionError(start)


def test_a_derivative_says_how_many_paths_there_are_and_where_they_lead(system):
    for equation in system.equations:
        if not equation.paths:
            continue
        text = explain(system, equation)
        of = system.quantities[equation.name].of
        count = paths_to_error(system, of)
        assert text.startswith(f"{of} affects the error ")
        assert (f"along {count} paths" in text) == (count > 1)
        assert ("only through" in text) == (count == 1)
        if of in system.connections:
            target = system.connections[of].target
            assert f"only through {target}" in text
        if "known from above" in text:
            known = re.search(r"∂E/∂(\w+) is known", text)[1]
            earlier = [one.name for one in system.equations]
            assert earlier.index(f"∂E/∂{known}") < earlier.index(equation.name)


def test_a_chain_rule_gives_every_local_derivative_once_and_before_it_is_needed(system):
    given: list[str] = []
    for name, rule in chain_rules(system).items():
        given += [factor.label for factor in rule.new_factors]
        for factor in (factor for path in rule.sum_of_paths for factor in path):
            assert factor.label in given or factor.derivative is None
        given.append(name)
        assert rule.text(name).startswith(f"{name} = ")
        assert rule.text(name).count("∂") >= 2
    assert len(given) == len(set(given))


def test_biases_are_mentioned_where_there_are_any():
    for bias, expected in (
        ("none", {"o1": "", "o2": ""}),
        ("layer", {"o1": "b1", "o2": "b1"}),
        ("neuron", {"o1": "b1", "o2": "b2"}),
    ):
        texts = explanations(described([2, 2], ["sigmoid"], bias))
        for name, mentioned in expected.items():
            assert re.findall(r"and the bias (\w+)", texts[name]) == [mentioned] * bool(mentioned)


def test_a_single_neuron_is_not_numbered():
    texts = explanations(SYSTEMS["1-1-1"])
    assert texts["h1"].startswith("The weighted sum of the hidden neuron: multiply the input by")
    assert texts["o1"].startswith(
        "The weighted sum of the output neuron: multiply the hidden activation"
    )
    assert texts["a_o1"].startswith("The activation of the output neuron.")
    texts = explanations(SYSTEMS["three hidden layers"])
    assert "neuron 2 of hidden layer 1" in texts["h1_2"]
    assert "the neuron of hidden layer 2" in texts["h2_1"]
    assert "the activation of hidden layer 2 (a_h2_1, not the sum h2_1)" in texts["h3_1"]


@pytest.mark.parametrize(
    ("loss", "outputs", "half", "divided"),
    [
        ("half_squared_error", 2, True, False),
        ("squared_error", 2, False, False),
        ("mean_squared_error", 3, False, True),
        ("mean_squared_error", 1, False, False),
    ],
)
def test_the_error_is_explained_as_it_is_computed(loss, outputs, half, divided):
    text = explanations(described([1, outputs], ["sigmoid"], loss=loss))["E1"]
    assert text.startswith("Half the squared") == half
    assert ("½ cancels the factor 2" in text) == half
    assert (f"divided by {outputs}" in text) == divided


@pytest.mark.parametrize(
    ("samples", "update", "total", "gradient"),
    [
        (1, "batch_mean", "Training tries to make this value small.", "times the gradient."),
        (3, "batch_mean", "its mean over the samples", "the mean of the gradients of all samples"),
        (3, "batch_sum", "its sum over the samples", "the sum of the gradients of all samples"),
        (3, "online", "the samples take turns", "times the gradient."),
    ],
)
def test_batches_and_single_samples_have_their_own_words(samples, update, total, gradient):
    system = described([2, 2, 1], ["tanh", "sigmoid"], samples=samples, update=update)
    texts = explanations(system)
    assert total in texts["E_total"]
    assert gradient in texts["w1"]
    assert ("for one sample" in texts["E_total"]) == (samples > 1)
    if samples > 1:
        over = "over the last 3 iterations" if update == "online" else "over the samples"
        assert over in str(mean_error_sentence(system))


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        ("sgd", ["against the gradient"]),
        ("momentum", ["Momentum", "velocity"]),
        ("nesterov", ["Nesterov", "μ times the new velocity"]),
        ("average", ["Momentum", "moving average of the gradient", "1 - μ"]),
        ("rmsprop", ["RMSprop", "1 - ρ", "division by 0"]),
        ("adam", ["Adam", "1 - β1^n", "1 - β2^n", "division by 0"]),
        ("adamw", ["Weight decay", "η*λ", "Adam"]),
    ],
)
def test_an_optimizer_is_explained(optimizer, words):
    system = described([1, 1], ["sigmoid"], optimizer=optimizer)
    text = " ".join(explanations(system)[name] for name in system.updates)
    assert all(word in text for word in words)
    others = {"Momentum", "Nesterov", "RMSprop", "Adam", "Weight decay"} - set(words)
    assert not any(word in text for word in others)
    assert "All parameters" not in text, "there is one parameter"
    many = explanations(described([2, 1], ["sigmoid"], optimizer=optimizer))
    assert "All parameters are updated at once" in many["w1"]


def test_notes_are_only_about_what_is_there(system):
    text = " ".join(notes(system))
    activations = set(system.network.activations)
    assert "`" not in text
    assert ("σ(x)" in text) == ("sigmoid" in activations)
    assert ("relu(x)" in text) == ("relu" in activations)
    assert ("clip" in text) == bool(activations & {"relu", "linear"})
    assert ("softmax" in text) == ("softmax" in activations)
    cross_entropy = "cross_entropy" in system.training.loss
    assert ("ln is" in text) == cross_entropy
    assert ("If one target" in text) == (cross_entropy and "softmax" in activations)
    assert ("E_mean" in text) == system.has_sample_column
    for equation in system.equations:
        if equation.paths and equation.name not in system.columns:
            assert "no column" in text


def test_a_connection_is_described_by_its_two_ends():
    system = SYSTEMS["layer bias"]
    assert connection_text(system, "w1") == "i1 → h1"
    assert connection_text(system, "w17") == "h1 → o1"
    assert connection_text(system, "b2") == "bias of o1, …, o6"
    assert connection_text(SYSTEMS["mazur"], "b1") == "bias of h1, h2"


@pytest.mark.parametrize("loss", ["half_squared_error", "squared_error", "mean_squared_error"])
def test_the_sign_of_the_first_derivative_is_explained(loss):
    system = replaced_loss(loss)
    said = " ".join(notes(system))
    assert "∂E1/∂a_o1 has a_o1 - t1 and not t1 - a_o1" in said


def test_the_symbols_are_explained():
    said = " ".join(notes(SYSTEMS["mazur"]))
    for words in (
        "i1 and i2 are the inputs", "t1 and t2 are the targets", "w1 to w8 are the weights",
        "h1 is the weighted sum of hidden neuron 1 and a_h1 its activation",
    ):  # fmt: skip
        assert words in said


def test_only_what_is_simplified_is_called_so():
    """With a linear output, a factor of 1 is left out; with a sigmoid, nothing is."""
    for name, expected in (("mazur", False), ("relu", True)):
        system = system_of(load_exercise(name))
        rules = chain_rules(system)
        last = system.gradient(system.weights[-1])
        [rhs] = [equation.rhs for equation in system.equations if equation.name == last]
        assert rules[last].is_simplified(rhs) is expected


def replaced_loss(loss: str) -> EquationSystem:
    exercise = load_exercise("course")
    return system_of(replace(exercise, training=replace(exercise.training, loss=loss)))
