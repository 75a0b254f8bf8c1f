"""Recognize the quantities that headers and labels name, in the spellings that people use.

Nothing here depends on a particular network.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from backprop_sheet.audit.read.header_text import (
    MAX_LENGTH,
    NUMBER,
    REMARK,
    bare_text,
    folded,
    split_equation,
    visible,
    without_next,
    without_old,
)
from backprop_sheet.audit.read.meanings import Meaning, resolve
from backprop_sheet.audit.read.vocabulary import rate_words, translated
from backprop_sheet.equations.names import (
    ITERATION,
    LEARNING_RATE,
    PARAMETER_KINDS,
    SAMPLE,
    kind_of,
)
from backprop_sheet.exercise.choices import ACTIVATIONS

_NEURON_NAME = r"(?:h\d+(?:_\d+)?|o\d+)"
_CANONICAL = re.compile(
    rf"(?:∂E/∂|v_|m_|s_)?[wb]\d+|(?:∂E/∂)?(?:a_)?{_NEURON_NAME}|δ_{_NEURON_NAME}|[it]\d+|E\d+"
    rf"|∂(?:E\d+|(?:a_)?{_NEURON_NAME})/∂(?:[wb]\d+|(?:a_)?{_NEURON_NAME}|i\d+)"
    r"|E_total|E_mean|iteration|sample|[ημρελ]|β[12]"
)
_SHORT = 40  # the longest spelling without spaces and brackets: ∂error_total/∂activation_of_h12_12


_DERIVATIVE_WORDS = re.compile(
    r".*(?:grad|ableitung|derivat|dériv|deriv|abgeleid|pochodn|türev|производн|градиент|梯度|勾配)"
    r".*|d\s*e\w*\s*/.*|.*[∂∇].*",
    re.I | re.S,
)


def is_derivative_word(text: str) -> bool:
    """Whether the header of a group says that its columns are derivatives of the error."""
    return len(text) <= MAX_LENGTH and _DERIVATIVE_WORDS.fullmatch(visible(text)) is not None


def quantity_name(header: Any) -> str | None:
    """Return the canonical name of a header or label without considering others, or None.

    The canonical names are ``i1``, ``t1``, ``w1``, ``b1``, ``h1`` (with several hidden layers
    ``h1_2``: layer 1, neuron 2), ``a_h1``, ``o1``, ``a_o1``, ``E1``, ``E_total``, ``E_mean``,
    ``∂E/∂w1`` and the like, ``δ_h1``, ``v_w1``, ``m_w1``, ``s_w1``, ``iteration``, ``sample``,
    ``η``, ``μ``, ``ρ``, ``β1``, ``β2``, ``ε`` and ``λ``, with any number. A label with its value
    (``η = 0.5``) and the parameter of the next iteration (``new w1``) have no canonical name.
    """
    meaning = meaning_of(header)
    if meaning is None or meaning.is_next:
        return None
    name = resolve([meaning])[0]
    # Some meanings stand for a quantity only among other headers: z1 may be h1 or o1.
    return name if name is not None and _CANONICAL.fullmatch(name) else None


def meaning_of(header: Any) -> Meaning | None:
    """Return the meaning of a header without considering others, or None."""
    if not isinstance(header, str) or not header:
        return None
    return _meaning(visible(header[: 2 * MAX_LENGTH]))


@lru_cache(maxsize=8192)
def _meaning(header: str) -> Meaning | None:
    left, equals, right = split_equation(header)
    if len(left) > MAX_LENGTH:
        return None
    if equals and right and NUMBER.fullmatch(right):
        return None  # a label with its value
    text = folded(left)
    if len(text) > 2 * MAX_LENGTH:  # some characters fold to many
        return None
    if current := without_next(text):
        meaning = _match(bare_text(current)) or _match(bare_text(REMARK.sub("", current)))
        if meaning and kind_of(meaning.name) in PARAMETER_KINDS:
            return replace(meaning, is_next=True)
    if left.strip(" :") == "l":  # as Han and Kamber have it; L is the loss
        return Meaning(LEARNING_RATE, is_weak=True)
    meaning = _match(bare_text(text))
    if meaning is None and "\n" in left.strip():  # a second line with a note or an equation
        meaning = _match(bare_text(text.strip().partition("\n")[0]))
    if meaning is None:
        meaning = _in_other_words(text)
    if meaning and equals and kind_of(meaning.name) in PARAMETER_KINDS and right:
        return replace(meaning, is_update=True)
    return meaning


def _in_other_words(text: str) -> Meaning | None:
    """Return the meaning of a text in another language, or with a remark: ``w1 (i1→h1)``."""
    if current := without_next(text):  # before a + after a remark is lost with it
        meaning = _in_other_words(current)
        if meaning and kind_of(meaning.name) in PARAMETER_KINDS:
            return replace(meaning, is_next=True)
    if current := without_old(translated(text)):
        meaning = _match(bare_text(current))
        if meaning and kind_of(meaning.name) in PARAMETER_KINDS:
            return replace(meaning, is_weak=True)
    seen = {text}
    for attempt in (REMARK.sub("", text), translated(text), translated(REMARK.sub("", text))):
        if attempt in seen:
            continue
        seen.add(attempt)
        if current := without_next(attempt):
            meaning = _match(bare_text(current)) or _match(bare_text(REMARK.sub("", current)))
            if meaning and kind_of(meaning.name) in PARAMETER_KINDS:
                return replace(meaning, is_next=True)
        if meaning := _match(bare_text(attempt)):
            return meaning
    return None


def unknown_without_next(text: str) -> tuple[str, bool]:
    """Return a header in a form to compare, without "new" or "+", and whether it had that."""
    words = translated(folded(visible(text[:MAX_LENGTH]))).casefold()
    current = without_next(words)
    return "".join((current or words).split()), bool(current)


# --- spellings ---

_N = "(?:0|[1-9][0-9]{0,2})"
_PLACE = f"{_N}(?:~{_N})?"  # a number, or layer and neuron
_TWO = "(?:[1-9][1-9]|0[0-9])"  # row and column of a matrix, from 1 or from 0
_D = "(?:∂|δ|∆|d|∇|ð|partial)"
_E = "(?:(?:e|err|error|loss|l)(?:t|tot|total)?|total(?:e|err|error|loss)|cost|[jc])"
_PARAMETER = (
    rf"(?:(?P<weight>w|weight)(?P<w>{_N})?|(?P<bias>b|bias)(?:(?P<b>{_N})|(?:of)?(?P<bh>"
    rf"(?:h|hidden|o|out|output)(?:{_N}(?:~{_N})?)?))?)"
)
_NEURON = rf"(?:(?P<hidden>h)(?P<h>{_N}(?:~{_N})?)?|(?P<output>o)(?P<o>{_N})?)"
_INNER = rf"(?:(?P<hidden>h)(?:%s)(?P<h>{_N}(?:~{_N})?)?|(?P<output>o)(?:%s)(?P<o>{_N})?)"
_SUM_WORDS = "(?:net|z|in|sum|∑|s|netinput|weightedsum|preactivation)"
# The alternatives are tried in order: the longest spelling first.
_FUNCTION_WORDS = "|".join(
    sorted((word for one in ACTIVATIONS.values() for word in one.spellings), key=len, reverse=True)
)
_ACTIVATION_WORDS = f"(?:a|ac|act|activation|out|output|f|{_FUNCTION_WORDS})(?:of)?"
_AFTER_SUM = "(?:net|in|sum)"
_AFTER_ACTIVATION = "(?:a|act|activation|out|output|σ|sigmoid)"
# The words with a sign of it behind: also l, which Han and Kamber use.
RATE_SPELLING = f"(?:(?:η|ɳ|ƞ|eta|lr|α|alpha|(?:{rate_words()})l?)(?:η|lr|α)?)"
_COUNT = "(?:no|nr|number|#|n|count|index|id)?"

Found = re.Match[str]


def _numbered(name: str) -> Callable[[Found], Meaning]:
    """Return a builder of ``name`` with the number in the first group, or 1 and weak without it."""

    def build(match: Found) -> Meaning:
        return Meaning(name.format(match[1] or 1), is_weak=match[1] is None)

    return build


def _fixed(name: str, *, is_weak: bool = False) -> Callable[[Found], Meaning]:
    return lambda _: Meaning(name, is_weak)


def _parameter_in(match: Found) -> Meaning:
    groups = match.groupdict()
    if groups.get("weight"):
        return Meaning(f"w{groups['w'] or 1}", groups["w"] is None)
    if groups["bh"]:  # a bias named after its neuron or its layer
        layer = re.sub("[0-9~]+", "", groups["bh"])[0]
        number = re.sub("[^0-9~]+", "", groups["bh"]).replace("~", "_")
        return Meaning(f"b_{layer}{number}")
    return Meaning(f"b{groups['b'] or 1}", groups["b"] is None)


def _neuron_in(match: Found, prefix: str = "") -> Meaning:
    groups = match.groupdict()
    kind, number = ("h", groups["h"]) if groups.get("hidden") else ("o", groups["o"])
    return Meaning(f"{prefix}{kind}{(number or '1').replace('~', '_')}", number is None)


def _parameter(prefix: str = "") -> Callable[[Found], Meaning]:
    def build(match: Found) -> Meaning:
        meaning = _parameter_in(match)
        name = prefix.replace("?", match.groupdict().get("of") or "") + meaning.name
        return replace(meaning, name=name)

    return build


def _neuron(prefix: str = "") -> Callable[[Found], Meaning]:
    return lambda match: _neuron_in(match, prefix.replace("?", match.groupdict().get("of") or ""))


_NODE = "(?:[ihxo][0-9])"


def _between(match: Found) -> Meaning:
    source, target = [group for group in match.groups() if group]
    return Meaning(f"w_{source}→{target}")


def _weight_of(letter: str) -> Callable[[Found], Meaning]:
    """Return a builder of a weight with two numbers, or of another letter."""

    def build(match: Found) -> Meaning:
        number = next(group for group in match.groups() if group)
        return Meaning(f"w_{letter}{number}")

    return build


def _slope(match: Found) -> Meaning:
    """Return the derivative of a neuron's activation by its sum."""
    neuron = _neuron_in(match)
    return Meaning(f"∂a_{neuron.name}/∂{neuron.name}", neuron.is_weak)


_BY_E = rf"(?:d?frac)?{_D}{_E}/?{_D}"
_BY_ONE_E = rf"(?:d?frac)?{_D}(?:e|err|error|loss|l)o?(?P<of>{_N})/?{_D}"

# The spellings of headers in lower case, without spaces, underscores, brackets and similar.
_SPELLINGS: tuple[tuple[str, Callable[[Found], Meaning]], ...] = (
    (_PARAMETER, _parameter()),
    # By what they connect: w_i1h1, w(h1→o2), i1→h1; their places follow from the sums.
    (rf"(?:w|weight)({_NODE})(?:→|->|=>|to|~|-)?({_NODE})|({_NODE})(?:→|->|=>)({_NODE})", _between),
    (rf"v({_N}|0[0-9]|{_N}~{_N})|θ([1-9][1-9])", _weight_of("v")),
    (rf"u({_TWO}|{_N}~{_N})", _weight_of("u")),
    (rf"(?:w|weight)(0[0-9]|{_N}~(?:0[0-9]|{_N}(?:,{_N})?))", _weight_of("")),
    (rf"θ({_N})", lambda match: Meaning(f"b_θ{match[1]}")),
    # Neurons that are numbered through, or by layer: z_1, net 4, a_2, z[1]2.
    (rf"(?:z|net|sum|∑|s)(?:neuron)?({_PLACE})", lambda match: Meaning(f"h_z{match[1]}")),
    (rf"(?:a|act|activation)(?:neuron)?({_PLACE})", lambda match: Meaning(f"a_z{match[1]}")),
    (rf"{_SUM_WORDS}?(?:of)?{_NEURON}{_AFTER_SUM}?", _neuron()),
    (_INNER % ("in|net", "in|net"), _neuron()),
    (rf"{_ACTIVATION_WORDS}{_NEURON}", _neuron("a_")),
    (rf"{_NEURON}{_AFTER_ACTIVATION}", _neuron("a_")),
    (_INNER % ("out|act", "out|act"), _neuron("a_")),
    (rf"(?:t|target)o?({_N})", _numbered("t{}")),
    (rf"(?:desired|expected|truth|ytrue)({_N})?", _numbered("t{}")),
    ("t|target", _fixed("t1", is_weak=True)),
    (rf"(?:i|x|in|input)({_N})?", _numbered("i{}")),
    (rf"y({_N})?", _numbered("y{}")),
    (rf"(?:ŷ|yhat|ypred|pred|prediction|predicted)({_N})?", _numbered("a_o{}")),
    (rf"(?:out|output)({_N})", lambda m: Meaning(f"a_o{m[1]}", is_weak=True)),
    ("out|output", _fixed("a_o1", is_weak=True)),
    (rf"(?:e|err|error|loss|cost)o?({_N})", _numbered("E{}")),
    (f"(?:mean|avg|average)(?:of)?(?:total)?{_E}|{_E}(?:mean|avg|average)", _fixed("E_mean")),
    ("e|err|error|loss|l|cost|j|mse|sse", _fixed("E_total", is_weak=True)),
    (f"(?!c$){_E}|∑e|σe|totalcost|costtotal", _fixed("E_total")),
    # The words of other languages for a sum are those for a weighted sum, too.
    ("(?:net|sum(?:of(?:the)?)?)(?:e|errors?|loss)", _fixed("E_total")),
    (rf"{_BY_E}{_PARAMETER}", _parameter("∂E/∂")),
    (rf"{_BY_ONE_E}{_PARAMETER}", _parameter("∂E?/∂")),
    (rf"{_E}/?{_D}{_PARAMETER}", _parameter("∂E/∂")),
    (rf"(?!∆){_D}{_PARAMETER}", _parameter("∂E/∂")),
    (rf"{_D}{_E}{_PARAMETER}", _parameter("∂E/∂")),
    (rf"(?:g|grads?|gradients?|∇e?)(?:of|error|total error)?{_PARAMETER}", _parameter("∂E/∂")),
    (rf"{_PARAMETER}(?:g|grad|gradient)", _parameter("∂E/∂")),
    (rf"{_BY_E}{_SUM_WORDS}?{_NEURON}", _neuron("∂E/∂")),
    (rf"{_BY_ONE_E}{_SUM_WORDS}?{_NEURON}", _neuron("∂E?/∂")),
    (rf"{_BY_E}{_ACTIVATION_WORDS}{_NEURON}", _neuron("∂E/∂a_")),
    (rf"{_BY_ONE_E}{_ACTIVATION_WORDS}{_NEURON}", _neuron("∂E?/∂a_")),
    (rf"{_D}{_ACTIVATION_WORDS}{_NEURON}/?{_D}{_SUM_WORDS}?(?:h|o)(?:{_N})?", _slope),
    (rf"(?:δ|deltas?|errorterm|errorsignal)(?:of|net|z|neuron)?{_NEURON}", _neuron("δ_")),
    ("(?:δ|delta)(?:out|output)", _fixed("δ_o1", is_weak=True)),
    (rf"(?:v|velocity|momentum)(?:of|d)?{_PARAMETER}", _parameter("v_")),
    (rf"m(?:of|d)?{_PARAMETER}", _parameter("m_")),
    (rf"s(?:of|d)?{_PARAMETER}", _parameter("s_")),
    (rf"(?:iterations?|iter|it|steps?|epochs?){_COUNT}|no|nr|n|#|sno", _fixed(ITERATION)),
    (rf"(?:samples?|examples?|patterns?|datapoint|trainingexample){_COUNT}", _fixed(SAMPLE)),
    (RATE_SPELLING, _fixed(LEARNING_RATE)),
    ("rate", _fixed(LEARNING_RATE, is_weak=True)),
    ("(?:μ|mu|momentum)(?:μ|mu)?", _fixed("μ")),
    ("(?:ρ|rho|decayrate)(?:ρ|rho)?", _fixed("ρ")),
    ("(?:β|beta)([12])", _numbered("β{}")),
    ("(?:ε|epsilon|eps)(?:ε)?", _fixed("ε")),
    ("(?:λ|lambda|weightdecay)(?:λ|lambda)?", _fixed("λ")),
)


@cache
def _pattern(spelling: str) -> re.Pattern[str]:
    """Return the compiled pattern of a spelling; most tables need few of them."""
    return re.compile(spelling)


# Before the weight by which the error is differentiated, in whatever numbering.
_GRADIENT = re.compile(
    rf"(?:{_BY_E}|{_E}/?{_D}|{_D}{_E}|(?!∆){_D}"
    rf"|(?:g|grads?|gradients?|∇e?)(?:of|error|total error)?)(?=[uvwθ])"
)


def _match(bare: str) -> Meaning | None:
    if not bare or len(bare) > _SHORT:
        return None
    for spelling, build in _SPELLINGS:
        if match := _pattern(spelling).fullmatch(bare):
            return build(match)
    if match := _GRADIENT.match(bare):
        weight = _match(bare[match.end() :])
        if weight is not None and weight.name.startswith("w_"):
            return replace(weight, name=f"∂E/∂{weight.name}")
    return None
