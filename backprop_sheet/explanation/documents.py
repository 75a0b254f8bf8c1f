"""Write a derivation as plain text, as Markdown for GitHub, or as a LaTeX document."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backprop_sheet.explanation.derivation import ASSIGNS, Derivation, Formula, Section
from backprop_sheet.explanation.line_breaking import Start, break_formula
from backprop_sheet.symbolic import latex
from backprop_sheet.symbolic.expressions import Expression
from backprop_sheet.symbolic.prose import Equality, Sentence, formula_text
from backprop_sheet.symbolic.prose import Formula as ShortFormula
from backprop_sheet.symbolic.rendering import to_text
from gradsheet.files import check_suffix, start_of

TEXT_WIDTH = 80
LATEX_WIDTH = 76.0  # in widths of a digit; a line on A4 with margins of 25 mm has a few more

_INDENT = " " * 4
# The operators where a long formula may be broken. The slash in ∂E/∂w1 is not one of them.
_TEXT_OPERATORS = re.compile(r" [-+*] |\*|/(?=\()")
_LATEX_OPERATORS = re.compile(r" [-+/] | \\cdot ")
_PROVENANCE = "Written by gradsheet"
_PROVENANCE_LINES = {
    ".md": f"<!-- {_PROVENANCE} -->",
    ".tex": f"% {_PROVENANCE}",
    ".txt": _PROVENANCE,
}
SUFFIXES = tuple(_PROVENANCE_LINES)


def as_document(derivation: Derivation, path: Path) -> str:
    """Return the document in the format of the path's suffix: .md, .tex or .txt.

    Raises:
        InvalidInputError: another suffix.
    """
    check_suffix(path, SUFFIXES)
    suffix = path.suffix.lower()
    write = {".md": as_markdown, ".tex": as_latex, ".txt": as_text}[suffix]
    return f"{_PROVENANCE_LINES[suffix]}\n{write(derivation)}"


def written_by_gradsheet(path: Path) -> bool:
    """Whether a file starts with the line that :func:`as_document` writes first."""
    return start_of(path, 64).splitlines()[:1] == [_PROVENANCE_LINES.get(path.suffix.lower())]


# --- plain text ---


def as_text(derivation: Derivation) -> str:
    """Return the derivation as plain text, no line longer than 80 characters."""
    lines = [*_wrap(derivation.title)]
    if derivation.source:
        lines += _wrap(f"Source: {derivation.source}")
    lines.append("")
    for line in derivation.summary:
        lines += _wrap(_text_prose(line))
    for section in derivation.sections:
        lines += ["", section.title, "-" * len(section.title)]
        for note in section.notes:
            lines += _wrap(_text_prose(note), first="- ", following="  ")
        for at, passage in enumerate(section.passages):
            if passage.text and (at or section.notes):
                lines.append("")
            lines += _wrap(_text_prose(passage.text))
            lines.append("")
            for formula in passage.formulas:
                lines += text_lines(formula)
    return "\n".join(lines) + "\n"


def _wrap(text: str, first: str = "", following: str = "") -> list[str]:
    wrapped = textwrap.wrap(
        text, TEXT_WIDTH, initial_indent=first, subsequent_indent=following,
        break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in wrapped]


def _text_prose(text: Sentence) -> str:
    """Return a sentence as plain text; short formulas in it are not broken across lines."""

    def formula(short: ShortFormula) -> str:
        written = formula_text(short)
        if len(written) < TEXT_WIDTH // 2:
            written = written.replace(" ", "\N{NO-BREAK SPACE}")
        return written

    return text.written(formula)


def text_lines(formula: Formula) -> list[str]:
    """Return a formula as indented lines of plain text."""
    left = _expression_text(formula.left, formula)
    indents = {
        Start.FORMULA: len(_INDENT),
        Start.RELATION: len(_INDENT) + len(left) + 1,
        Start.OPERATOR: len(_INDENT) + len(left) + 3,
    }
    lines = break_formula(
        left,
        [_expression_text(side, formula) for side in formula.sides],
        _relations(formula, ASSIGNS),
        operators=_TEXT_OPERATORS,
        limit=lambda start: TEXT_WIDTH - indents[start],
    )
    return [" " * indents[line.start] + line.text for line in lines]


def _expression_text(expression: Expression, formula: Formula) -> str:
    return to_text(expression, spaced_products=formula.is_chain_rule)


def _relations(formula: Formula, assigns: str) -> list[str]:
    first = assigns if formula.relation == ASSIGNS else "="
    return [first, *("=" for _ in formula.sides[1:])]


# --- LaTeX formulas ---


def latex_rows(formula: Formula) -> list[str]:
    """Return a formula as rows of an ``aligned`` block; without its ``&`` each is a formula."""
    rows = break_formula(
        latex.to_latex(formula.left),
        [latex.to_latex(side) for side in formula.sides],
        _relations(formula, r"\leftarrow"),
        operators=_LATEX_OPERATORS,
        limit=lambda start: LATEX_WIDTH - (6 if start is not Start.FORMULA else 0),
        width=latex.width,
    )
    result = []
    for row in rows:
        if row.start is Start.FORMULA:
            # The first relation of the formula, not one in braces.
            result.append(re.sub(r" (=|\\leftarrow) ", r" &\1 ", row.text, count=1))
        else:
            result.append(f"&{row.text}" if row.start is Start.RELATION else rf"&\quad {row.text}")
    return result


def _aligned(formulas: Sequence[Formula]) -> str:
    return " \\\\\n".join(row for formula in formulas for row in latex_rows(formula))


def _inline(formula: ShortFormula) -> str:
    """A name or a formula in a sentence, as LaTeX."""
    if isinstance(formula, Equality):
        return f"{latex.to_latex(formula.left)} = {latex.to_latex(formula.right)}"
    return latex.to_latex(formula)


# --- Markdown ---


@dataclass(frozen=True)
class MarkdownMath:
    """How a dialect of Markdown writes formulas in sentences, and others before and after."""

    inline: str
    before: str
    after: str


# GitHub does not interpret underscores, asterisks and backslashes as Markdown in these.
GITHUB = MarkdownMath("$`{}`$", "```math", "```")
JUPYTER = MarkdownMath("${}$", "$$", "$$")


def as_markdown(derivation: Derivation) -> str:
    """Return the derivation as Markdown with formulas that GitHub renders."""
    parts = [markdown_opening(derivation, GITHUB)]
    parts += [markdown_section(section, GITHUB) for section in derivation.sections]
    return "\n\n".join(parts) + "\n"


def markdown_opening(derivation: Derivation, math: MarkdownMath) -> str:
    """Return the title, the source and the summary."""
    lines = [f"# {_escape_markdown(derivation.title)}"]
    if derivation.source:
        lines += ["", f"Source: {_escape_markdown(derivation.source)}"]
    for line in derivation.summary:
        lines += ["", _markdown_prose(line, math)]
    return "\n".join(lines)


def markdown_section(section: Section, math: MarkdownMath) -> str:
    """Return a section with its heading."""
    lines = [f"## {section.title}", ""]
    if section.notes:
        lines += [*(f"- {_markdown_prose(note, math)}" for note in section.notes), ""]
    for passage in section.passages:
        if passage.text:
            lines += [_markdown_prose(passage.text, math), ""]
        block = [r"\begin{aligned}", _aligned(passage.formulas), r"\end{aligned}"]
        lines += [math.before, *block, math.after, ""]
    return "\n".join(lines).rstrip()


def _markdown_prose(text: Sentence, math: MarkdownMath) -> str:
    return text.written(lambda formula: math.inline.format(_inline(formula)))


def _escape_markdown(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|&$~])", r"\\\1", text)


# --- LaTeX document ---

_PREAMBLE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[utf8]{inputenc}
\usepackage{amsmath}
\usepackage[margin=25mm]{geometry}
\allowdisplaybreaks
\setlength{\parindent}{0pt}
\setlength{\emergencystretch}{3em}
\setlength{\parskip}{1ex}
\begin{document}
"""


def as_latex(derivation: Derivation) -> str:
    """Return the derivation as a LaTeX document for pdflatex."""

    def prose(text: Sentence) -> str:
        return text.written(lambda formula: f"${_inline(formula)}$", _escape_latex)

    lines = [rf"{{\Large\bfseries {_escape_latex(derivation.title)}\par}}", ""]
    if derivation.source:
        lines += [f"Source: {_escape_latex(derivation.source)}", ""]
    for line in derivation.summary:
        lines += [prose(line), ""]
    for section in derivation.sections:
        lines += [rf"\section*{{{_escape_latex(section.title)}}}", ""]
        if section.notes:
            items = [rf"\item {prose(note)}" for note in section.notes]
            lines += [r"\begin{itemize}", *items, r"\end{itemize}", ""]
        for passage in section.passages:
            lines += [prose(passage.text)] if passage.text else []
            lines += [r"\begin{align*}", _aligned(passage.formulas), r"\end{align*}", ""]
    return f"{_PREAMBLE}{chr(10).join(lines)}\\end{{document}}\n"


_LATEX_CHARACTERS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "_": r"\_", "%": r"\%", "^": r"\^{}", "~": r"\~{}", "<": "$<$", ">": "$>$", "|": "$|$",
    "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$", "½": r"$\frac{1}{2}$", "²": "$^2$",
    "←": r"$\leftarrow$", "→": r"$\rightarrow$", "…": r"\ldots{}", "√": r"$\surd$",
    "∂": r"$\partial$", "σ": r"$\sigma$", "η": r"$\eta$", "−": "$-$",
}  # fmt: skip


def _escape_latex(text: str) -> str:
    return "".join(map(_latex_character, text))


def _latex_character(character: str) -> str:
    """Return LaTeX for a character that pdflatex can print, or a similar one."""
    if character in _LATEX_CHARACTERS:
        return _LATEX_CHARACTERS[character]
    if character.isascii() or ("À" <= character <= "ÿ" and character not in "ÐÞðþ÷"):
        return character
    if character in "–—‘’“”":
        return character
    plain = unicodedata.normalize("NFKD", character)[0]
    return plain if plain.isascii() and plain.isalnum() else "?"
