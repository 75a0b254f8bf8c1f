"""The command `equations`: its numbers, its documents, its refusals."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest
from click.testing import CliRunner, Result
from fixtures.commands import ENVIRONMENT, ROOT, command
from fixtures.sampling import some_of
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from oracles import worked_solution

from cli import main

PACKAGED = ["course", "adam", "deep", "linear", "mazur", "momentum", "relu", "softmax", "xor"]
SEVERAL_SAMPLES = {"softmax": 6, "xor": 4}

ODD = {
    # The least that there can be; a title that no format may take literally.
    "tiny": """
title = 'A_b*c $x$ \\input{x} 50 % #1 & <b> `é` 中 ~^'
source = "https://example.org/a_b?c=1&d=2#e"
[network]
neurons = [1, 1]
activations = ["linear"]
[parameters]
weights = [-0.5]
[[samples]]
inputs = [2]
targets = [-1]
[training]
learning_rates = [0.1]
""",
    "three_hidden": """
title = "Three hidden layers"
[network]
neurons = [2, 3, 2, 2, 2]
activations = ["tanh", "linear", "relu", "sigmoid"]
bias = "neuron"
[parameters]
seed = 4
[[samples]]
inputs = [0.3, -0.8]
targets = [0.2, 0.9]
[[samples]]
inputs = [-0.5, 0.1]
targets = [1, 0]
[training]
loss = "binary_cross_entropy"
update = "batch_sum"
optimizer = "adamw"
learning_rates = [0.01]
""",
    "layer_bias": """
title = "A bias that six neurons share"
[network]
neurons = [3, 6, 4]
activations = ["sigmoid", "softmax"]
bias = "layer"
[parameters]
seed = 1
[[samples]]
inputs = [0.1, -0.2, 12.5]
targets = [0.7, 0.1, 0.1, 0.1]
[training]
loss = "mean_squared_error"
momentum = 0.8
nesterov = true
learning_rates = [0.5]
""",
    "online": """
title = "The samples take turns"
[network]
neurons = [1, 2, 1]
activations = ["tanh", "tanh"]
bias = "layer"
train_bias = false
[parameters]
weights = [0.4, -0.3, 1e-7, 250000]
biases = [0.1, -0.2]
[[samples]]
inputs = [0.5]
targets = [0.1]
[[samples]]
inputs = [-0.25]
targets = [-0.75]
[[samples]]
inputs = [0]
targets = [0.3]
[training]
loss = "squared_error"
update = "online"
optimizer = "rmsprop"
learning_rates = [0.05]
""",
}


@pytest.fixture(scope="module")
def exercise(tmp_path_factory):
    """What to give --exercise: the name of a packaged exercise, or the file of an odd one."""
    folder = tmp_path_factory.mktemp("exercises")
    for name, text in ODD.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return lambda name: name if name in PACKAGED else str(folder / f"{name}.toml")


def equations(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["equations", *map(str, arguments)])


def printed(*arguments: object) -> str:
    result = equations(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


# --- numbers ---


@pytest.mark.parametrize("iteration", [0, 1, 30])
@pytest.mark.parametrize("name", [*PACKAGED, *ODD])
def test_every_line_holds_to_the_printed_digits(exercise, name, iteration):
    text = printed("--exercise", exercise(name), "--iteration", iteration)
    checked = worked_solution.check(text)
    # Every formula has its expression and its numbers, but where the expression is one name.
    assert checked > len(worked_solution.formulas(text))
    assert "shown without numbers" not in text


@pytest.mark.parametrize("name", PACKAGED)
def test_the_given_values_are_those_of_the_file(name):
    text = printed("--exercise", name, "--iteration", 0, "--sample", SEVERAL_SAMPLES.get(name, 1))
    file = tomllib.loads(
        (ROOT / f"backprop_sheet/exercise/exercises/{name}.toml").read_text("utf-8")
    )
    sample = file["samples"][SEVERAL_SAMPLES.get(name, 1) - 1]
    expected = {f"i{n}": value for n, value in enumerate(sample["inputs"], 1)}
    expected |= {f"t{n}": value for n, value in enumerate(sample["targets"], 1)}
    expected |= {f"w{n}": v for n, v in enumerate(file["parameters"].get("weights", []), 1)}
    expected |= {f"b{n}": v for n, v in enumerate(file["parameters"].get("biases", []), 1)}
    expected["η"] = file["training"]["learning_rates"][0]
    values = text.partition("Values at iteration 0")[2].partition("Forward pass")[0]
    found = {name: float(number) for name, number in re.findall(r"(\w+) = (-?[\d.]+)\b", values)}
    assert expected.items() <= found.items()


def test_mazurs_published_numbers_appear():
    text = printed("--exercise", "mazur", "--iteration", 0)
    assert "h1 = w1*i1 + w2*i2 + b1 = 0.15*0.05 + 0.2*0.1 + 0.35 = 0.3775" in text
    assert "a_h1 = σ(h1) = σ(0.3775) = 0.5932699921" in text
    assert "E_total = E1 + E2 = 0.2748110832 + 0.02356002558 = 0.2983711088" in text
    assert "w5 ← w5 - η*∂E/∂w5 = 0.4 - 0.5*0.08216704056 = 0.3589164797" in text
    assert "= 0.1497807161" in text
    next_one = printed("--exercise", "mazur", "--iteration", 1)
    assert re.search(r"E_total = E1 \+ E2 = .* = 0\.2910277737\n", next_one)
    assert "w5 = 0.3589164797" in next_one


def test_values_of_an_iteration_are_those_that_the_update_before_gave():
    for name in ("xor", "adam", "momentum"):
        before = printed("--exercise", name, "--iteration", 4)
        after = " ".join(printed("--exercise", name, "--iteration", 5).split())
        joined = worked_solution.formulas(before)
        updates = [re.fullmatch(r"([wb]\d+) ← .* = (\S+)", line) for line in joined]
        updates = [match for match in updates if match]
        assert updates
        assert all(f"{match[1]} = {match[2]}" in after for match in updates)


def test_another_sample_has_other_numbers_but_the_same_update():
    first, third = (
        printed("--exercise", "xor", "--iteration", 2, "--sample", sample) for sample in (1, 3)
    )
    assert "sample 3 of 4" in third
    assert "i1 = 1, i2 = 0" in third
    worked_solution.check(third)
    update = "Update to iteration 3"
    assert first.partition(update)[0] != third.partition(update)[0]
    assert first.partition(update)[2] == third.partition(update)[2] != ""
    # The update lists the gradient of every sample; the third one's is the one derived above.
    gradient = re.search(r"∂E/∂w1 = .*\n.* = (\S+)\n", third)[1]
    samples = " ".join(re.search(r"mean\(∂E/∂w1\) = \((.*?)\)/4", third, re.DOTALL)[1].split())
    assert re.split(r" [+-] ", samples)[2] == gradient.removeprefix("-")


def test_online_updates_use_the_sample_whose_turn_it_is(exercise):
    text = printed("--exercise", exercise("online"), "--iteration", 4)
    assert "sample 2 of 3" in text
    assert "i1 = -0.25" in text
    same = printed("--exercise", exercise("online"), "--iteration", 4, "--sample", 2)
    assert same == text
    refused(
        "uses sample 2, not 1", "--exercise", exercise("online"), "--iteration", 4, "--sample", 1
    )


def test_the_learning_rate_is_the_first_one_unless_another_is_given():
    assert "learning rate 0.1." in printed("--iteration", 0)
    text = printed("--iteration", 3, "--lr", 25)
    assert "learning rate 25." in text
    worked_solution.check(text)


def test_numbers_that_would_need_a_division_by_0_are_left_out(tmp_path):
    path = tmp_path / "saturated.toml"
    path.write_text(
        """
title = "A sigmoid that is 1"
[network]
neurons = [1, 1]
activations = ["sigmoid"]
[parameters]
weights = [60]
[[samples]]
inputs = [1]
targets = [0.25]
[training]
loss = "binary_cross_entropy"
learning_rates = [1]
"""
    )
    text = printed("--exercise", path, "--iteration", 0)
    assert "shown without numbers" in text
    assert "∂E1/∂a_o1 = (1 - t1)/(1 - a_o1) - t1/a_o1\n" in text
    assert not re.search(r"\b(inf|nan)\b", text)
    assert "∂E/∂w1 = (a_o1 - t1)*i1 = (1 - 0.25)*1 = 0.75" in text


def test_clipped_activations_are_said_to_be_clipped():
    assert "clipped" not in printed("--exercise", "relu", "--iteration", 5)
    text = printed("--exercise", "relu", "--iteration", 20, "--lr", 1000)
    clipped = re.search(r"clipped at ±([\d,]+)", text)[1].replace(",", "")
    assert re.search(rf"a_o1 = o1 = -?\d{{{len(clipped)},}}\S* = -?{clipped}\n", text)


# --- plain text ---


@pytest.mark.parametrize("name", [*PACKAGED, *ODD])
@pytest.mark.parametrize("iteration", [None, 0, 7])
def test_plain_text_fits_a_terminal_and_says_everything_once(exercise, name, iteration):
    numbers = [] if iteration is None else ["--iteration", iteration]
    text = printed("--exercise", exercise(name), *numbers)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any(line != line.rstrip() for line in lines)
    assert "`" not in text.partition("Network:")[2]
    for heading in ("Notation", "Forward pass", "Error", "Backward pass", "Update"):
        assert len(re.findall(rf"^{heading}.*\n---", text, re.MULTILINE)) == 1
    explanations = re.findall(r"^(\w+) affects the error", text, re.MULTILINE)
    assert len(explanations) == len(set(explanations)) > 0
    for parameter in explanations:
        # The chain rule and, after "Simplified:", the gradient.
        rules = [line for line in lines if line.startswith(f"    ∂E/∂{parameter} = ")]
        assert len(rules) == 2, parameter


def test_without_an_iteration_there_are_no_numbers():
    text = printed("--exercise", "mazur")
    assert "∂E/∂w5 = ∂E1/∂a_o1 * ∂a_o1/∂o1 * ∂o1/∂w5\n" in text
    assert "∂E/∂w5 = (a_o1 - t1)*a_o1*(1 - a_o1)*a_h1\n" in text
    assert "w5 ← w5 - η*∂E/∂w5\n" in text
    assert not re.search(r"\d\.\d", text)


# --- Markdown and LaTeX ---


@pytest.fixture(scope="module")
def document(exercise, tmp_path_factory):
    """The text of a document that the command wrote."""

    def write(name: str, suffix: str, *arguments: object) -> str:
        path = tmp_path_factory.mktemp("documents") / f"{name}{suffix}"
        done = equations("--exercise", exercise(name), *arguments, "-o", path)
        assert done.exit_code == 0, done.output
        assert done.output == f"Written to {path}\n"
        return path.read_text(encoding="utf-8")

    return write


def rows_of(block: str) -> list[tuple[str, str]]:
    """What stands before and behind the & in each row of an aligned block."""
    rows = [row.split("&") for row in block.split("\\\\\n")]
    assert all(len(row) == 2 for row in rows)
    return [(left.strip(), right.strip()) for left, right in rows]


_PARSER = MathTextParser("path")
_FONT = FontProperties(size=11, math_fontfamily="cm")
_WIDTHS: dict[str, float] = {"": 0.0}


def printed_width(latex: str) -> float:
    """The width in points at 11 pt in TeX's own letters; it fails where mathtext cannot parse."""
    shape = re.sub(r"\d", "0", latex)  # one is as wide as another, and parsing takes long
    if shape not in _WIDTHS:
        _WIDTHS[shape] = _PARSER.parse(f"${shape}$", 72, _FONT).width
    return _WIDTHS[shape]


TEXT_WIDTH = 455.0  # points: A4 with margins of 25 mm


@pytest.mark.parametrize("arguments", [(), ("--iteration", 1)], ids=["symbols", "numbers"])
@pytest.mark.parametrize("name", some_of([*PACKAGED, *ODD], 2))
def test_every_formula_is_math_and_fits_the_page(document, name, arguments):
    text = document(name, ".tex", *arguments)
    blocks = re.findall(r"\\begin{align\*}\n(.*?)\n\\end{align\*}", text, re.DOTALL)
    assert len(blocks) == text.count("align*") / 2 > 3
    for block in blocks:
        rows = rows_of(block)
        assert re.match(r"= |\\leftarrow ", rows[0][1])
        left, right = (max(map(printed_width, side)) for side in zip(*rows, strict=True))
        assert left + right <= TEXT_WIDTH, block
    body = text.partition(r"\begin{document}")[2]
    body = re.sub(r"\\begin{align\*}.*?\\end{align\*}", "", body, flags=re.DOTALL)
    body = body.replace(r"\$", "")
    assert body.count("$") % 2 == 0
    for formula in set(re.findall(r"\$(.+?)\$", body)):
        printed_width(formula)


@pytest.mark.parametrize("arguments", [(), ("--iteration", 0)], ids=["symbols", "numbers"])
@pytest.mark.parametrize("name", [*PACKAGED, *ODD])
def test_a_latex_document_is_whole(document, name, arguments):
    text = document(name, ".tex", *arguments)
    assert text.startswith("% Written by gradsheet\n\\documentclass")
    assert text.endswith("\\end{document}\n")
    plain = re.sub(r"\\[\\{}$%&#_]", "", text.partition("\n")[2])
    depth = 0
    for character in plain:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    opened: list[str] = []
    for what, environment in re.findall(r"\\(begin|end){([^}]+)}", plain):
        if what == "begin":
            opened.append(environment)
        else:
            assert opened.pop() == environment
    assert not opened
    assert "%" not in plain
    assert "#" not in plain
    # pdflatex stops at characters that it has no definition for.
    assert all(character.isascii() or "À" <= character <= "ÿ" for character in text)
    assert "[n" not in text


def test_the_usual_notation_is_used(document):
    text = document("mazur", ".tex")
    for formula in (
        r"h_{1} &= w_{1} \cdot i_{1} + w_{2} \cdot i_{2} + b_{1}",
        r"a_{h_1} &= \sigma(h_{1})",
        r"E_{1} &= \frac{1}{2} \cdot (t_{1} - a_{o_1})^{2}",
        r"E_{\text{total}} &= E_{1} + E_{2}",
        r"\frac{\partial E}{\partial w_{5}} &= \frac{\partial E_{1}}{\partial a_{o_1}} \cdot "
        r"\frac{\partial a_{o_1}}{\partial o_{1}} \cdot \frac{\partial o_{1}}{\partial w_{5}}",
        r"w_{5} &\leftarrow w_{5} - \eta \cdot \frac{\partial E}{\partial w_{5}}",
    ):
        assert formula in text
    deep = document("deep", ".tex")
    assert r"a_{h^{(1)}_2} &= \sigma(h^{(1)}_{2})" in deep
    softmax = document("softmax", ".tex")
    assert r"a_{o_1} &= \frac{e^{o_{1}}}{e^{o_{1}} + e^{o_{2}} + e^{o_{3}}}" in softmax
    assert r"\frac{1}{S}\sum_{s=1}^{S} \frac{\partial E^{(s)}}{\partial w_{1}}" in softmax
    assert r"-t_{1} \cdot \ln(a_{o_1})" in softmax
    assert r"\tanh(h_{1})" in softmax
    assert r"\max(0, h_{1})" in document("relu", ".tex")
    adam = document("adam", ".tex")
    assert r"\frac{\eta \cdot \frac{m_{w_1}}{1 - \beta_{1}^{n}}}" in adam
    assert r"{\sqrt{\frac{v_{w_1}}{1 - \beta_{2}^{n}}} + \varepsilon}" in adam
    assert r"\left(\frac{\partial E}{\partial w_{1}}\right)^{2}" in adam


@pytest.mark.parametrize("arguments", [(), ("--iteration", 0)], ids=["symbols", "numbers"])
@pytest.mark.parametrize("name", [*PACKAGED, *ODD])
def test_markdown_has_the_formulas_where_github_renders_them(document, name, arguments):
    text = document(name, ".md", *arguments)
    latex = document(name, ".tex", *arguments)
    assert text.startswith("<!-- Written by gradsheet -->\n# ")
    blocks = re.findall(
        r"\n\n```math\n\\begin{aligned}\n(.*?)\n\\end{aligned}\n```\n", text, re.DOTALL
    )
    assert len(blocks) == text.count("```math") == text.count("```") / 2
    assert blocks == re.findall(r"\\begin{align\*}\n(.*?)\n\\end{align\*}", latex, re.DOTALL)
    assert not any("\n\n" in block for block in blocks)  # a blank line ends GitHub's formula
    prose = re.sub(r"```math.*?```", "", text.partition("\n\n")[2], flags=re.DOTALL)
    inline = re.findall(r"\$`([^`$]+)`\$", prose)
    assert prose.count("$`") == len(inline) > 5
    source = "example.org" if name == "tiny" else "never"
    rest = "\n".join(
        line for line in re.sub(r"\$`[^`$]+`\$", "", prose).splitlines() if source not in line
    )
    assert not re.search(r"[`$_*<]", rest), "nothing that Markdown would take for markup"


def test_a_title_is_shown_as_it_is_in_every_format(document, exercise):
    title = tomllib.loads(ODD["tiny"])["title"]
    assert title in printed("--exercise", exercise("tiny"))
    heading = document("tiny", ".md").splitlines()[1].removeprefix("# ")
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", heading) == title
    assert not re.search(r"(?<!\\)[$*_`<#]", heading)
    latex = document("tiny", ".tex")
    assert r"A\_b*c \$x\$ \textbackslash{}input\{x\} 50 \% \#1 \& $<$b$>$ `é` ? \~{}\^{}" in latex


# --- files ---


@pytest.mark.parametrize("suffix", [".md", ".tex", ".txt", ".TXT"])
def test_a_document_of_our_own_is_replaced_and_anybody_elses_is_kept(tmp_path, suffix):
    path = tmp_path / f"derivation{suffix}"
    assert equations("-o", path).exit_code == 0
    first = path.read_bytes()
    assert b"Written by gradsheet" in first.splitlines()[0]
    assert equations("--exercise", "mazur", "-o", path).exit_code == 0
    assert path.read_bytes() != first
    for theirs in (b"my notes\nWritten by gradsheet\n", b"", b"\xff\x00" * 40):
        path.write_bytes(theirs)
        done = equations("-o", path)
        assert done.exit_code == 1
        assert "--force" in done.stderr
        assert done.stderr.count("\n") == 1
        assert path.read_bytes() == theirs
    assert equations("-o", path, "--force").exit_code == 0
    assert path.read_bytes() == first


def test_a_text_file_has_what_the_terminal_shows(tmp_path):
    path = tmp_path / "derivation.txt"
    equations("--exercise", "xor", "-o", path)
    text = path.read_text(encoding="utf-8")
    assert text == "Written by gradsheet\n" + printed("--exercise", "xor")


def test_nothing_is_left_behind_where_nothing_can_be_written(tmp_path):
    done = equations("-o", tmp_path / "missing" / "derivation.md")
    assert done.exit_code == 1
    assert "does not exist" in done.stderr
    assert list(tmp_path.iterdir()) == []


# --- refusals ---


def refused(words: str, *arguments: object) -> None:
    done = equations(*arguments)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("iteration must be 0 to 1,000,000, got -1", ["--iteration", "-1"]),
        ("iteration must be 0 to 1,000,000, got 1,000,001", ["--iteration", "1000001"]),
        ("not a valid integer", ["--iteration", "1.5"]),
        ("sample must be 1, as the exercise has one", ["--iteration", "0", "--sample", "2"]),
        ("must be 1 to 4, got 5", ["--exercise", "xor", "--iteration", "0", "--sample", "5"]),
        ("must be 1 to 4, got 0", ["--exercise", "xor", "--iteration", "0", "--sample", "0"]),
        ("must be a finite number above 0, got 0", ["--iteration", "0", "--lr", "0"]),
        ("must be a finite number above 0, got -0.5", ["--iteration", "0", "--lr", "-0.5"]),
        ("must be a finite number above 0, got nan", ["--iteration", "0", "--lr", "nan"]),
        ("must be a finite number above 0, got inf", ["--iteration", "0", "--lr", "inf"]),
        ("must be at most 1e+40", ["--iteration", "0", "--lr", "1e60"]),
        ("needs --iteration", ["--sample", "1"]),
        ("needs --iteration", ["--lr", "0.5"]),
        ("there is no exercise 'nothing'", ["--exercise", "nothing"]),
        ("there is no exercise file nothing.toml", ["--exercise", "nothing.toml"]),
        ("must end in .md, .tex, .txt, .py or .ipynb", ["-o", "derivation.pdf"]),
        ("must end in .md, .tex, .txt, .py or .ipynb", ["-o", "derivation"]),
        ("must end in .md, .tex, .txt, .py or .ipynb", ["-o", "md"]),
    ],
)
def test_wrong_use_is_refused_in_one_line(tmp_path, monkeypatch, words, arguments):
    monkeypatch.chdir(tmp_path)
    refused(words, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_invalid_file_is_refused_in_one_line(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('title = "x"\n[network]\nneurons = [2, 2, 2]\nactivation = ["sigmoid"]\n')
    refused("network.activations is missing", "--exercise", path)


# --- the process ---


def test_nothing_heavy_is_imported():
    for arguments in (["exercises"], ["equations", "--exercise", "xor", "--iteration", 1]):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", *command(*arguments)[1:]],
            capture_output=True, text=True, encoding="utf-8", check=True, env=ENVIRONMENT,
        )  # fmt: skip
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        heavy = {"tensorflow", "keras", "matplotlib", "openpyxl", "xlsxwriter", "PIL", "jax"}
        assert "numpy" in imported
        assert not imported & heavy
        assert not {name for name in imported if name.startswith("keras_model")}
