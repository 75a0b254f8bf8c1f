"""Recognize the quantities that headers and labels name, in the spellings that people use.

Nothing here depends on a particular network. The meaning of some headers depends on others (``y``
can be a target or an output): :func:`resolve` decides it for all headers of a table together.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

from backprop_sheet.audit.read.vocabulary import rate_words, translated
from backprop_sheet.equations.names import (
    ITERATION,
    LEARNING_RATE,
    NEUTRAL_KINDS,
    PARAMETER_KINDS,
    SAMPLE,
    Kind,
    kind_of,
)
from backprop_sheet.exercise.choices import ACTIVATIONS

MAX_LENGTH = 80  # of a header, without an equation in it
_NEURON_NAME = r"(?:h\d+(?:_\d+)?|o\d+)"
_CANONICAL = re.compile(
    rf"(?:∂E/∂|v_|m_|s_)?[wb]\d+|(?:∂E/∂)?(?:a_)?{_NEURON_NAME}|δ_{_NEURON_NAME}|[it]\d+|E\d+"
    rf"|∂(?:E\d+|(?:a_)?{_NEURON_NAME})/∂(?:[wb]\d+|(?:a_)?{_NEURON_NAME}|i\d+)"
    r"|E_total|E_mean|iteration|sample|[ημρελ]|β[12]"
)
_SHORT = 40  # the longest spelling without spaces and brackets: ∂error_total/∂activation_of_h12_12


@dataclass(frozen=True)
class Meaning:
    """What a header means.

    Attributes:
        name: a canonical name, or one that :func:`resolve` replaces: ``y1``, ``b_h1``,
            ``∂E1/∂w5``.
        is_weak: the header is a word or a letter without a number (``out``, ``error``, ``b``). It
            counts only if no other header has the name, and is not enough to recognize a table.
        is_next: the header is the parameter of the next iteration (``new w1``, ``w1+``, ``w1'``).
        is_update: the header has an update (``w1 = w1 - η*∂E/∂w1``). Above a column, it means the
            parameter itself; in a form with another ``w1``, the parameter of the next iteration.
    """

    name: str
    is_weak: bool = False
    is_next: bool = False
    is_update: bool = False


_DERIVATIVE_WORDS = re.compile(
    r".*(?:grad|ableitung|derivat|dériv|deriv|abgeleid|pochodn|türev|производн|градиент|梯度|勾配)"
    r".*|d\s*e\w*\s*/.*|.*[∂∇].*",
    re.I | re.S,
)


def is_derivative_word(text: str) -> bool:
    """Whether the header of a group says that its columns are derivatives of the error."""
    return len(text) <= MAX_LENGTH and _DERIVATIVE_WORDS.fullmatch(visible(text)) is not None


@lru_cache(maxsize=4096)
def visible(text: str) -> str:
    """Return a text as people see it, without invisible characters and with plain line breaks.

    Zero-width characters, byte order marks, soft hyphens, direction marks and control characters
    come from web pages and other programs.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        sign
        for sign in text
        if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cf", "Cs")
    )


def without_spaces(text: str) -> str:
    """Return a text as people see it, without its spaces."""
    return "".join(visible(text).split())


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
    left, equals, right = _split_equation(header)
    if len(left) > MAX_LENGTH:
        return None
    if equals and right and _NUMBER.fullmatch(right):
        return None  # a label with its value
    text = _folded(left)
    if len(text) > 2 * MAX_LENGTH:  # some characters fold to many
        return None
    if current := _without_next(text):
        meaning = _match(_bare(current)) or _match(_bare(_REMARK.sub("", current)))
        if meaning and kind_of(meaning.name) in PARAMETER_KINDS:
            return replace(meaning, is_next=True)
    meaning = _match(_bare(text))
    if meaning is None and "\n" in left.strip():  # a second line with a note or an equation
        meaning = _match(_bare(text.strip().partition("\n")[0]))
    if meaning is None:
        meaning = _in_other_words(text)
    if meaning and equals and kind_of(meaning.name) in PARAMETER_KINDS and right:
        return replace(meaning, is_update=True)
    return meaning


def _in_other_words(text: str) -> Meaning | None:
    """Return the meaning of a text in another language, or with a remark: ``w1 (i1→h1)``."""
    seen = {text}
    for attempt in (_REMARK.sub("", text), translated(text), translated(_REMARK.sub("", text))):
        if attempt in seen:
            continue
        seen.add(attempt)
        if current := _without_next(attempt):
            meaning = _match(_bare(current))
            if meaning and kind_of(meaning.name) in PARAMETER_KINDS:
                return replace(meaning, is_next=True)
        if meaning := _match(_bare(attempt)):
            return meaning
    return None


def unknown_without_next(text: str) -> tuple[str, bool]:
    """Return a header in a form to compare, without "new" or "+", and whether it had that."""
    words = translated(_folded(visible(text[:MAX_LENGTH]))).casefold()
    current = _without_next(words)
    return "".join((current or words).split()), bool(current)


# --- spellings ---

# A remark behind a name: "w1 (i1→h1)", "w1: i1->h1", "w1 i1 → h1".
_REMARK = re.compile(
    r"(?<=\w)\s*(?:[(\[{][^()\[\]{}]*(?:\([^()]*\))?[^()\[\]{}]*[)\]}]"
    r"|[:,;]?\s+\S+\s*(?:→|->|=>|⟶|➔)\s*\S+)\s*$"
)

_NUMBER = re.compile(r"\s*[-+−]?\s*[0-9]*[.,]?[0-9]+(?:[eE][-+]?[0-9]+)?\s*%?\s*")
_EQUALS = re.compile(r":=|=|←|≔|⟵")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾", "0123456789()")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_LOOKALIKES = str.maketrans({"ς": "σ", "ω": "w", "ə": "∂", "ә": "∂", "ϑ": "θ", "ɛ": "ε"})
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾]+")
_LOWERED = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
# Two numbers with something between them are layer and neuron: h1_2, h(1,2), h^(1)_2, h_2^(1).
_PAIR = re.compile(r"([0-9]+)([\s_,.;^()\[\]{}|-]+)([0-9]+)")
_IGNORED = re.compile(r"[\s_{}\\$^()\[\]:;*'\"=]+")
_NEW = "(?:new|updated?|next|neu(?:es)?)"
_NEW_BEFORE = re.compile(rf"{_NEW}[\s_:.-]*")
_NEW_AFTER = re.compile(
    rf"[\s_^(\[{{-]*(?:{_NEW}|after(?:\s*update)?|[tnk]\s*\+\s*1|\+|['′’])[\s)\]}}]*$"
)


def _without_next(text: str) -> str:
    """Return ``w1`` for ``new w1``, ``w1 (t+1)`` or ``w1'``, and ``""`` for other texts."""
    text = text.strip().rstrip(":=").rstrip()
    if match := _NEW_BEFORE.match(text):
        return text[match.end() :]
    match = _NEW_AFTER.search(text)
    is_quoted = text[:1] in "'′’"
    return text[: match.start()] if match and not is_quoted else ""


def _split_equation(header: str) -> tuple[str, str, str]:
    """Split ``h1 = w1*i1`` into ``("h1", "=", "w1*i1")``."""
    match = _EQUALS.search(header)
    if match is None:
        return header, "", ""
    return header[: match.start()], match[0], header[match.end() :].strip()


def _folded(text: str) -> str:
    """Return the text in lower case, with ^ and _ for superscript and subscript digits."""
    text = _RAISED.sub(lambda m: "^" + m[0].translate(_SUPERSCRIPTS), text)
    text = _LOWERED.sub(lambda m: "_" + m[0].translate(_SUBSCRIPTS), text)
    # A capital delta (a difference) must not become a small delta, which is an error term.
    text = unicodedata.normalize("NFKC", text).replace("Δ", "∆")
    text = text.replace("Σ", "∑")  # a sum, and not the sigmoid function
    return text.casefold().translate(_LOOKALIKES)


def _bare(text: str) -> str:
    """Return the text without spaces, brackets and similar; ``~`` is between layer and neuron."""
    text = _PAIR.sub(_pair, text)
    return _IGNORED.sub("", text).rstrip(".,")


def _pair(match: re.Match[str]) -> str:
    first, between, second = match.groups()
    # h_2^(1): the layer is the superscript.
    return f"{second}~{first}" if "^" in between else f"{first}~{second}"


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
RATE_SPELLING = f"(?:η|ɳ|ƞ|eta|lr|α|alpha|learningrate|{rate_words()})(?:η|lr|α)?"
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


# --- the headers of one table ---

MIN_NAMES = 6  # fewer names are a legend, not a table


class Names:
    """Names that may be the columns of a table of an exercise, added one at a time.

    They make a table if there is a parameter, a quantity that depends on it (a sum, the activation
    of a hidden neuron or a gradient), and a name that is distinct. w1, w2, h1, h2 and t1 alone may
    also be weeks, homework and a test.
    """

    def __init__(self) -> None:
        self._strength: dict[str, bool] = {}
        self._count = 0
        self._has_parameter = self._is_deep = self._is_distinct = self._has_error = False

    def __contains__(self, name: str) -> bool:
        return name in self._strength

    def __len__(self) -> int:
        return len(self._strength)

    def __iter__(self) -> Iterator[str]:
        return iter(self._strength)

    def add(self, name: str, *, is_weak: bool = False) -> None:
        """Add a name. It may be added again."""
        known = self._strength.get(name)
        if known or (known is False and is_weak):
            return
        kind = kind_of(name)
        if known is None:
            self._count += kind not in NEUTRAL_KINDS
        self._strength[name] = not is_weak
        self._has_parameter |= kind in PARAMETER_KINDS
        self._has_error |= kind is Kind.ERROR
        self._is_deep |= kind in _DEEP or name.startswith("a_h")
        self._is_distinct |= not is_weak and kind in _DISTINCT

    @property
    def make_table(self) -> bool:
        """Whether these names make a table."""
        return (
            self._count >= MIN_NAMES and self._has_parameter and self._is_deep and self._is_distinct
        )

    @property
    def may_make_table(self) -> bool:
        """Whether these names make a table if its numbers say so, as other headers are unknown."""
        is_of_network = self._has_parameter or self._is_deep
        is_distinct = self._is_distinct or self._has_error
        return self._count >= MIN_NAMES and is_of_network and is_distinct


_DEEP = (Kind.SUM, Kind.GRADIENT, Kind.ADJOINT)
_DISTINCT = (Kind.ACTIVATION, Kind.TOTAL, Kind.MEAN, Kind.GRADIENT, Kind.ADJOINT, Kind.STATE)

_TWO_DIGITS = re.compile(r"(.*(?<![a-z])h)([1-9])([1-9])")
_HIDDEN = re.compile(r"(?:a_)?h([0-9_]+)")
_OUTPUT = re.compile(r"(?:a_)?o([0-9]+)")
_NEURON_BIAS = re.compile(r"(.*)b_([ho][0-9_]*)")
_PARTIAL = re.compile(r"∂E([0-9]+)/∂(.+)")


def resolve(meanings: Sequence[Meaning], context: Iterable[str] = ()) -> list[str | None]:
    """Return the canonical name of each header of a table, or None.

    Args:
        context: other canonical names of the table.

    Only one header gets a name: the first that is not weak, else the first.
    """
    names: list[str | None] = [one.name for one in meanings]
    known = {*names, *context}
    names = [_resolve_y(name, known) for name in names]
    names = _resolve_layers(names, context)
    names = _resolve_biases(names, context)
    names = _resolve_partials(names, context)
    taken: set[str | None] = {None}
    for is_weak in (False, True):
        for at, (name, meaning) in enumerate(zip(names, meanings, strict=True)):
            if meaning.is_weak is not is_weak:
                continue
            if name in taken:
                names[at] = None
            taken.add(name)
    return names


def _resolve_y(name: str | None, known: set[str | None]) -> str | None:
    """Take y as the output if there is a target, else as the target."""
    if name is None or name[0] != "y":
        return name
    number = name[1:]
    if f"t{number}" not in known:
        return f"t{number}"
    return None if f"a_o{number}" in known else f"a_o{number}"


def _resolve_layers(names: list[str | None], context: Iterable[str]) -> list[str | None]:
    """Take h11, h12, h21 as layer and neuron if there is an h11 and no h1 to h9."""
    known = [name for name in (*names, *context) if name]
    hidden = {match[1] for name in known if (match := _HIDDEN.fullmatch(name))}
    if "11" not in hidden or not all(re.fullmatch("[1-9]{2}", number) for number in hidden):
        return names
    return [name and _TWO_DIGITS.sub(r"\1\2_\3", name) for name in names]


def _resolve_biases(names: list[str | None], context: Iterable[str]) -> list[str | None]:
    """Number biases that are named after their neurons or layers, as the weights are numbered."""
    found = [match for name in names if name and (match := _NEURON_BIAS.fullmatch(name))]
    if not found:
        return names
    known = [name for name in (*names, *context) if name]
    neurons = sorted(
        {f"h{match[1]}" for name in known if (match := _HIDDEN.fullmatch(name))}
        | {f"o{match[1]}" for name in known if (match := _OUTPUT.fullmatch(name))},
        key=_neuron_order,
    )
    of_neurons = {neuron: f"b{number}" for number, neuron in enumerate(neurons, 1)}
    layers = dict.fromkeys(neuron.rpartition("_")[0] or neuron[0] for neuron in neurons)
    of_layers = {layer: f"b{number}" for number, layer in enumerate(layers, 1)}
    numbers = of_neurons if all(match[2] in of_neurons for match in found) else of_layers
    result: list[str | None] = []
    for name in names:
        match = _NEURON_BIAS.fullmatch(name) if name else None
        if match:
            bias = numbers.get(match[2])
            result.append(match[1] + bias if bias else None)
        else:
            result.append(name)
    return result


def _neuron_order(neuron: str) -> tuple[Any, ...]:
    return (neuron[0] == "o", *map(int, neuron[1:].split("_")))


def _resolve_partials(names: list[str | None], context: Iterable[str]) -> list[str | None]:
    """Take ∂E1/∂w5 as ∂E/∂w5 if no other error has a derivative by w5.

    If there is also ∂E2/∂w5, each of them is only a part of ∂E/∂w5.
    """
    found = [name and _PARTIAL.fullmatch(name) for name in names]
    if not any(found):
        return names
    parts = Counter(match[2] for match in found if match)
    known = {*names, *context}

    def whole(match: re.Match[str]) -> str | None:
        total = f"∂E/∂{match[2]}"
        is_own = match[2] == f"a_o{match[1]}"  # E1 is the error of output 1
        return total if total not in known and (is_own or parts[match[2]] == 1) else None

    return [whole(match) if match else name for match, name in zip(found, names, strict=True)]
