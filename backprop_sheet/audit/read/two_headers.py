"""The quantity that two headers name together: a unit or a parameter, and what of it.

"h1" and "net" are the sum of h1, "w5" and "gradient" are ∂E/∂w5, "w5" and "new" its updated value.
The spellings of headers decide: what they know of "net h1" holds for "net" and any other unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from backprop_sheet.audit.read.header_text import folded, split_equation, visible
from backprop_sheet.audit.read.meanings import Meaning
from backprop_sheet.audit.read.spellings import (
    is_derivative_word,
    meaning_of,
    unknown_without_next,
)
from backprop_sheet.audit.read.vocabulary import translated
from backprop_sheet.equations.names import PARAMETER_KINDS, Kind, gradient_name, kind_of

_INDEX = r"\{?[ijkn]{1,2}\}?"
_AT_END = re.compile(rf"(?:[\s_]+{_INDEX}|\s*[\[(]{_INDEX}[\])]|[ⱼᵢₖₙ]+)$", re.I)
_IN_BRACKETS = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*$")
_SYMBOL_AT_END = re.compile(r"(?:\s*[,:;]\s*|\s+)\S{1,4}$")
# The parameter in a header: ∂E/∂w, dw, w_ij new.
_PARAMETER = re.compile(rf"(?<![^\W\d_])([d∂])?(?:w|θ|b)(?:_?{_INDEX}|[ⱼᵢₖₙ]+)?(?![^\W_])", re.I)
_OF_NUMBER = {  # what of a unit that only has a number
    "{}": "h_z{}",
    "a_{}": "a_z{}",
    "δ_{}": "∂E/∂h_z{}",
    "∂E/∂{}": "∂E/∂h_z{}",
    "∂E/∂a_{}": "∂E/∂a_z{}",
}
_NEURON = re.compile(r"h\d+(?:_\d+)?|o\d+")
_UNIT_NUMBER = re.compile(r"neuron\W?([1-9][0-9]?)")
_UNIT_WORDS = re.compile(r"(?:neuron|j|k|number|nr|no|cell|#|\W)*", re.I)
# What a header says if the values are those of the parameters themselves.
_NOW = (
    "weight weights w bias b θ parameter parameters value old initial start before current "
    "previous now initiale initiales inicial iniziale"
)
_OF_NOW = frozenset(_NOW.split())
_OF_ERROR = {"gradient", "error", "total", "e"}
_BIAS_WORDS = {"bias", "b", "θ"}
_SIGNS = " :=,;"
_STEP = re.compile("∆|[ηα]")
_PRIMES = "'′’"


@lru_cache(maxsize=4096)
def unit_or_parameter(text: str) -> str | None:
    """Return the unit or parameter that a text names, and nothing of it: ``o1`` for "Output 1"."""
    if match := _UNIT_NUMBER.fullmatch(translated(folded(visible(text)))):
        return f"z{match[1]}"
    meaning = meaning_of(text)
    if meaning is None or meaning.is_next or meaning.is_update:
        return None
    name, kind = meaning.name, kind_of(meaning.name)
    if name.startswith("y"):
        return f"o{name[1:]}"
    if meaning.is_weak:  # "Output 1", "o"
        return name.removeprefix("a_") if name.startswith(("a_o", "o")) else None
    if kind in PARAMETER_KINDS or kind is Kind.INPUT:
        return name
    if kind is Kind.SUM and _NEURON.fullmatch(name):
        return name if meaning_of(f"net {text}") == meaning else None
    return None


def heads_units(text: str) -> bool:
    """Whether a header stands above the numbers of units: "Unit j", "Neuron"."""
    words = translated(folded(visible(text)))
    return "neuron" in words and _UNIT_WORDS.fullmatch(words) is not None


def is_parameter(name: str) -> bool:
    """Whether a name that :func:`unit_or_parameter` returned is that of a parameter."""
    return kind_of(name) in PARAMETER_KINDS


@lru_cache(maxsize=4096)
def parameter_quantity(head: str, own: str) -> tuple[str, Meaning | None]:
    """Return the header of a column in the row of a parameter, and what it means.

    Args:
        own: the name of the parameter as it is written.
    """
    text = f"{head} {own}"
    name = unit_or_parameter(own)
    if name is None or _is_step(head) or _role(head).startswith("δ"):
        return text, None  # δ is that of the unit that the weight leads to
    for short in _shortened(head):
        put, count = _PARAMETER.subn(lambda match: (match[1] or "") + own, short, count=1)
        attempt = put if count else f"{short} {own}"
        meaning = meaning_of(attempt)
        if meaning is not None and meaning.name.rpartition("∂")[2].endswith(name):
            return attempt, replace(meaning, is_weak=False, is_update=False)
    if is_derivative_word(head) and _words(head) <= _OF_NOW | _OF_ERROR:
        return f"gradient {own}", Meaning(gradient_name(name))
    if any(unknown_without_next(words)[1] for words in (head, f"{own} {head}")):
        return text, Meaning(name, is_next=True)
    if _words(head) <= _OF_NOW:
        return own, Meaning(name)
    return text, None


def _is_step(head: str) -> bool:
    """Whether a header names the step of a parameter, not its gradient: η*∂E/∂w."""
    return _STEP.search(folded(visible(head))) is not None and "new" not in _words(head)


def _words(head: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", translated(folded(visible(head)))))


@lru_cache(maxsize=4096)
def unit_quantity(head: str, name: str) -> Meaning | None:
    """Return what the header of a column means in the row of a unit, or None.

    Args:
        name: the unit: ``h1``, ``o1``, ``i1``, or ``z4`` for one that only has a number.
    """
    role = _role(head)
    letter, number = name[0], name[1:]
    if not role:
        return None
    if letter == "i":
        return Meaning(name) if role == "a_{}" else None
    if role in ("E", "t"):
        return Meaning(f"{role}{number}") if letter == "o" else None
    if letter == "z":
        numbered = _OF_NUMBER.get(role)
        return Meaning(numbered.format(number)) if numbered else None
    return Meaning(role.format(*[name] * role.count("{}")))


def is_of_units(head: str) -> bool:
    """Whether the header of a column says what of units it has."""
    return _role(head) != ""


def is_error(head: str) -> bool:
    """Whether the header of a column names the units' errors; of hidden units, they are δ."""
    return _role(head) == "E"


@lru_cache(maxsize=1024)
def _role(head: str) -> str:
    """Return the name of what a header names, with {} for the unit; "" if it names nothing."""
    if any(sign in head for sign in _PRIMES) or _says_nothing(head):
        return ""  # the derivative of an activation, or "value"
    for text in _shortened(head):
        if meaning := meaning_of(f"{text} h1"):
            return meaning.name.replace("h1", "{}") if "h1" in meaning.name else ""
        meaning = meaning_of(f"{text} o1")
        if meaning is not None and meaning.name in ("E1", "t1"):
            return meaning.name[0]
    return ""


def _says_nothing(head: str) -> bool:
    """Whether the header of units is no more than "value" or "old"."""
    has_letters = any(map(str.isalpha, folded(visible(head))))
    return has_letters and _words(head) <= _OF_NOW - _BIAS_WORDS


def _shortened(head: str) -> Iterator[str]:
    """Yield a header, also without an index, a remark or a symbol at its end: "Output, O_j"."""
    text = " ".join(visible(head).split()).strip(_SIGNS)
    yield text
    left, equals, _ = split_equation(text)
    if equals:
        text = left.strip(_SIGNS)
        yield text
    for pattern in (_AT_END, _IN_BRACKETS, _AT_END, _SYMBOL_AT_END):
        shorter = pattern.sub("", text).strip(_SIGNS)
        if shorter and shorter != text:
            text = shorter
            yield text
