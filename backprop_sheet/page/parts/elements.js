// Elements of the page, each made in one expression, and how names and formulas are typeset.

const $ = (id) => document.getElementById(id);

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const svg = (tag, attributes = {}, ...children) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

// Set a text only if it is another one, which saves the browser the layout.
const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

const toggle = (element, name, isOn) => {
  if (element.classList.contains(name) !== isOn) element.classList.toggle(name, isOn);
};

// Check the radio button with a value.
const check = (name, value) => {
  const button = document.querySelector(`input[name=${name}][value="${value}"]`);
  if (!button.checked) button.checked = true;
};

// --- names ---------------------------------------------------------------------------------------

// The parts of a name: w and 1, a and h1, E and total, h and 2,1.
const partsOf = (name) => {
  const [, base, index] = name.match(/^(E|[^\d_]+)_?(.*)$/u) ?? [null, name, ""];
  return [base, index.replace("_", ",")];
};

// The two parts of a derivative: ∂E and ∂w1.
const derivativeOf = (name) => name.match(/^(∂[^/]+)\/(∂.+)$/u)?.slice(1);

// The name as elements: a letter in italics with an index, a derivative as a fraction.
const typeset = (name) => {
  const derivative = derivativeOf(name);
  if (derivative) {
    const [over, under] = derivative.map((part) => part.slice(1));
    return make("span", { className: "fraction" },
      make("span", {}, "∂", typeset(over)), make("span", { className: "hidden" }, "/"),
      make("span", {}, "∂", typeset(under)));
  }
  const reduced = name.match(/^(mean|sum)\((.*)\)$/u);
  if (reduced) return make("span", {}, `${reduced[1]}(`, typeset(reduced[2]), ")");
  const [base, index] = partsOf(name);
  return make("span", { className: "name" },
    make("i", {}, base), index ? make("sub", {}, index) : "");
};

// The same in a drawing, on one line.
const typesetInDrawing = (name) => {
  const derivative = derivativeOf(name);
  if (derivative) {
    return derivative.flatMap((part, index) => [
      svg("tspan", {}, index ? "/∂" : "∂"), ...typesetInDrawing(part.slice(1)),
    ]);
  }
  const [base, index] = partsOf(name);
  const parts = [svg("tspan", { class: "letter" }, base)];
  if (index) {
    parts.push(svg("tspan", { class: "index", dy: "0.5em" }, index));
    parts.push(svg("tspan", { dy: "-0.36em" }, "\u200b"));
  }
  return parts;
};

// --- templates -----------------------------------------------------------------------------------

// The name before an update, w1[n-1], is written w1: the arrow says that it is the old value.
const shownName = (key) => key.replace("[n-1]", "");

// Write a template: `{w1}*{i1}` with what `written` returns for the key of each name.
const fill = (template, written) => {
  const pieces = template.split(/\{([^}]*)\}/u);
  return pieces.map((piece, index) => {
    if (index % 2 === 0) return piece;
    return written(piece, pieces[index - 1], pieces[index + 1]);
  });
};

// The signs of a formula as they are printed; of a sentence, only those between spaces.
const inPrint = (piece) => piece.replace(/-/gu, "\u2212").replace(/ ?\* ?/gu, "\u2009*\u2009");
const inWords = (piece) => piece.replace(/ - /gu, " \u2212 ");

const printed = (pieces, change) =>
  pieces.map((piece) => (typeof piece === "string" ? change(piece) : piece));

// Whether a negative number needs parentheses between these texts.
const needsParentheses = (before, after) =>
  /[^\s(,]\s*$/u.test(before) || /^[²^]/u.test(after);
