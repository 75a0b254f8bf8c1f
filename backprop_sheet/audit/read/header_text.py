"""The text of a header, in the form in which spellings are compared with it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_LENGTH = 80  # of a header, without an equation in it


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


def as_compared(text: str) -> str:
    """Return a header in the form in which it is compared with another one as a whole."""
    return visible(text).strip().casefold()


# A remark behind a name: "w1 (i1→h1)", "w1: i1->h1", "w1 i1 → h1".
REMARK = re.compile(
    r"(?<=\w)\s*(?:[(\[{][^()\[\]{}]*(?:\([^()]*\))?[^()\[\]{}]*[)\]}]"
    r"|[:,;]?\s+\S+\s*(?:→|->|=>|⟶|➔)\s*\S+)\s*$"
)

NUMBER = re.compile(r"\s*[-+−]?\s*[0-9]*[.,]?[0-9]+(?:[eE][-+]?[0-9]+)?\s*%?\s*")
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
_OLD = "(?:old|current|previous|before(?:\\s*update)?)"
_OLD_BEFORE = re.compile(rf"{_OLD}[\s_:.-]+")
_OLD_AFTER = re.compile(rf"[\s_^(\[{{-]+{_OLD}[\s)\]}}]*$")


def without_old(text: str) -> str:
    """Return ``w1`` for ``old w1`` or ``w1 (old)``, and ``""`` for other texts."""
    text = text.strip().rstrip(":=").rstrip()
    if match := _OLD_BEFORE.match(text):
        return text[match.end() :]
    match = _OLD_AFTER.search(text)
    return text[: match.start()] if match else ""


def without_next(text: str) -> str:
    """Return ``w1`` for ``new w1``, ``w1 (t+1)`` or ``w1'``, and ``""`` for other texts."""
    text = text.strip().rstrip(":=").rstrip()
    if match := _NEW_BEFORE.match(text):
        return text[match.end() :]
    match = _NEW_AFTER.search(text)
    is_quoted = text[:1] in "'′’"
    return text[: match.start()] if match and not is_quoted else ""


def split_equation(header: str) -> tuple[str, str, str]:
    """Split ``h1 = w1*i1`` into ``("h1", "=", "w1*i1")``."""
    match = _EQUALS.search(header)
    if match is None:
        return header, "", ""
    return header[: match.start()], match[0], header[match.end() :].strip()


def folded(text: str) -> str:
    """Return the text in lower case, with ^ and _ for superscript and subscript digits."""
    text = _RAISED.sub(lambda m: "^" + m[0].translate(_SUPERSCRIPTS), text)
    text = _LOWERED.sub(lambda m: "_" + m[0].translate(_SUBSCRIPTS), text)
    # A capital delta (a difference) must not become a small delta, which is an error term.
    text = unicodedata.normalize("NFKC", text).replace("Δ", "∆")
    text = text.replace("Σ", "∑")  # a sum, and not the sigmoid function
    return text.casefold().translate(_LOOKALIKES)


def bare_text(text: str) -> str:
    """Return the text without spaces, brackets and similar; ``~`` is between layer and neuron."""
    text = _PAIR.sub(_pair, text)
    return _IGNORED.sub("", text).rstrip(".,")


def _pair(match: re.Match[str]) -> str:
    first, between, second = match.groups()
    # h_2^(1): the layer is the superscript.
    return f"{second}~{first}" if "^" in between else f"{first}~{second}"
