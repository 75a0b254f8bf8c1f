// The panel of the selected quantity: its number, its equation, its chain rule, and the words.

const KIND_WORDS = {
  "weighted sum": "weighted sum", error: "error of one output", derivative: "derivative",
  "mean error": "mean error over the samples",
};

// A name that can be selected; names that stand for nothing of this network are only written.
function quantity(name) {
  if (!(name in quantities)) return typeset(name);
  const button = make("button", { type: "button", className: "quantity" }, typeset(name));
  button.dataset.name = name;
  button.onclick = () => select(name);
  return button;
}

const withNames = (template, change = inPrint) =>
  printed(fill(template, (key) => quantity(shownName(key))), change);

// The number of a name in a formula; before an update, the names are those of the row.
function numberIn(key, isUpdate) {
  const row = rowNow();
  if (!isUpdate) return key in row ? row[key] : FACTORS[key]?.(row);
  const reduced = key.match(/^(mean|sum)\((.*)\)$/u);
  if (reduced) return { mean, sum }[reduced[1]](rowsOf(state.iteration), reduced[2]);
  if (key === "n") return state.iteration + 1;
  return key.endsWith("[n-1]") ? row[shownName(key)] : updatedNow()[key];
}

const nameIn = (key) => shownName(key.replace(/^(mean|sum)\((.*)\)$/u, "$2"));

// What a factor is, if it is a quantity that the reader is to find.
const isAsked = (key) => hooks.isHidden(nameIn(key));

// A factor is hidden, too, if what it is computed from is.
const isFactorAsked = (key) => isAsked(key) ||
  [...(exercise.factors[key] ?? "").matchAll(/\{([^}]*)\}/gu)].some(([, name]) => isAsked(name));

function withNumbers(template, isUpdate) {
  const written = (key, before, after) => {
    const value = numberIn(key, isUpdate);
    const number = isFactorAsked(key) ? "?" : long(value);
    const text = value < 0 && needsParentheses(before, after) ? `(${number})` : number;
    const element = make("span", { className: "number", title: nameIn(key) }, text);
    element.dataset.name = nameIn(key);
    return element;
  };
  return printed(fill(template, written), inPrint);
}

const isUpdated = (name) => quantities[name].phase === 2;

// Whether the numbers of an equation can be shown at this moment.
const isComputed = (name) =>
  isUpdated(name) ? state.done >= AFTER_BACKWARD : isKnown(name);

const resultOf = (name) => (isUpdated(name) ? updatedNow()[name] : rowNow()[name]);

const result = (name) =>
  make("strong", { className: "number" }, hooks.isHidden(name) ? "?" : long(resultOf(name)));

const line = (...parts) => make("p", { className: "formula" }, ...parts);

// The last side of an equation: the line breaks before its sign, not after it.
const lastSide = (name) => [" ", make("span", { className: "side" }, "= ", result(name))];

// --- what is shown of a quantity -----------------------------------------------------------------

function explainWords(name) {
  const { words } = quantities[name];
  if (!words.length) return null;
  const text = make("p", { className: "words" });
  words.forEach((each) => text.append(...withNames(each, inWords), " "));
  return text;
}

function explainFormula(name) {
  const { formula } = quantities[name];
  if (!formula) return null;
  return line(quantity(name), isUpdated(name) ? " ← " : " = ", ...withNames(formula));
}

function explainNumbers(name) {
  const { formula } = quantities[name];
  if (!formula || !isComputed(name)) return null;
  const isTrivial = !/[*/+(² -]/u.test(formula.replace(/\{[^}]*\}/gu, ""));
  const sign = isUpdated(name) ? " ← " : " = ";
  if (isTrivial) return line(quantity(name), sign, result(name));
  return line(quantity(name), sign, ...withNumbers(formula, isUpdated(name)), ...lastSide(name));
}

// The chain rule, its factors with their numbers, and the product of these numbers.
function explainFactors(name) {
  const { chain, paths } = quantities[name];
  if (!chain) return null;
  const element = make("div", {}, line(quantity(name), " = ", ...withNames(chain)));
  const rows = [...new Set(paths.flat())].map((label) => factorRow(label, isComputed(name)));
  const body = make("tbody", {}, ...rows);
  const caption = make("caption", { className: "hidden" }, "The factors of the chain rule");
  element.append(make("div", { className: "scroll", tabIndex: 0 },
    make("table", { className: "factors" }, caption, body)));
  if (isComputed(name)) {
    element.append(line(quantity(name), " = ", ...withNumbers(chain, false), ...lastSide(name)));
  }
  return element;
}

function factorRow(label, hasNumber) {
  const template = exercise.factors[label];
  const meaning = make("td", { className: "formula" }, ...(template === undefined
    ? [make("span", { className: "note" }, "known from above")]
    : [make("span", { className: "meaning" }, "= ", ...withNames(template))]));
  const name = make("th", { scope: "row" }, template === undefined ? quantity(label) : typeset(label));
  if (hasNumber) {
    const text = isFactorAsked(label) ? "?" : long(numberIn(label, false));
    meaning.append(" ", make("span", { className: "number" }, `= ${text}`));
  }
  return make("tr", {}, name, meaning);
}

// The gradients of all samples, which an update combines.
function explainSamples(parameter) {
  const gradient = GRADIENT(parameter);
  if (!exercise.reduction || !(gradient in quantities) || state.done < AFTER_BACKWARD) return null;
  const rows = rowsOf(state.iteration).map((row) => make("tr", {},
    make("th", { scope: "row" }, `sample ${row.sample}`),
    make("td", { className: "number" }, isAsked(gradient) ? "?" : long(row[gradient]))));
  const caption = make("caption", { className: "note" }, "Each sample has a gradient of its own:");
  return make("table", { className: "factors" }, caption, make("tbody", {}, ...rows));
}

// --- the panel -----------------------------------------------------------------------------------

const titled = (title, element) =>
  element === null ? [] : [make("h3", {}, title), element];

function panelBody(name) {
  const parameter = name in state.given.parameters;
  const gradient = GRADIENT(name);
  const parts = [];
  if (parameter && gradient in quantities) {
    const words = isKnown(gradient) ? [" = ", result(gradient)] : [" is not computed yet."];
    parts.push(make("h3", {}, "Its gradient"), line(quantity(gradient), ...words));
  }
  parts.push(
    ...titled(isUpdated(name) ? "Update" : "Equation", explainFormula(name)),
    ...titled("With numbers", quantities[name].chain ? null : explainNumbers(name)),
    ...titled("Chain rule", explainFactors(name)),
    ...(quantities[name].chain && !quantities[name].isProduct
      ? titled("With numbers", explainNumbers(name)) : []),
    ...titled("As a slope", explainPlot(name)),
    ...titled("Samples", isUpdated(name) ? explainSamples(isState(name) ? parameterOf(name) : name) : null),
    ...titled("In words", explainWords(name)),
  );
  if (quantities[name].formula && !isComputed(name)) {
    parts.push(make("p", { className: "note" },
      "Its number is not computed yet at this point. Step forward to see it."));
  }
  return parts;
}

function panelHead(name) {
  const number = make("p", { className: "big number" });
  const shown = shownNumber(name, long);
  number.append(shown || "not computed yet");
  number.classList.toggle("pending", !shown);
  const words = KIND_WORDS[quantities[name].kind] ?? quantities[name].kind;
  return [
    make("p", { className: "label" }, words),
    make("div", { className: "heading" }, make("h2", {}, typeset(name)), number),
  ];
}

function introduction() {
  const notes = exercise.notation.map((each) => make("p", { className: "note" }, ...withNames(each, inWords)));
  return [
    make("h2", {}, "Select a number"),
    make("p", {}, "Click or tap any number of the network: its equation, its chain rule and the ",
      "sentence that explains it stand here. Drag a weight, a bias, an input or a target sideways to ",
      "change it."),
    ...notes,
  ];
}

// The field for the start value of what is given. It is kept while the user types.
function drawEditor() {
  const editor = $("editor");
  const name = state.selected;
  if (!name || !isGiven(name)) {
    editor.replaceChildren();
    delete editor.dataset.shown;
    return;
  }
  const key = `${name} ${exercise.isBatch || name in state.given.parameters ? "" : rowNow().sample}`;
  if (editor.dataset.shown !== key + state.sample) {
    editor.dataset.shown = key + state.sample;
    editor.replaceChildren(...editorFields(name));
  }
  const [field, slider] = editor.querySelectorAll("input");
  const value = startValue(name);
  if (document.activeElement !== field || readNumber(field.value) !== value) {
    if (document.activeElement !== field) field.value = exact(value);
  }
  if (document.activeElement !== slider) setSlider(slider, value);
  else slider.setAttribute("aria-valuetext", short(value));
}

// A slider from -size to size, where size is a power of ten above the value.
function setSlider(slider, value) {
  const size = Math.max(1, 10 ** Math.ceil(Math.log10(Math.abs(value) || 1)));
  Object.assign(slider, { min: -size, max: size, step: size / 200, value });
}

function editorFields(name) {
  const isParameter = name in state.given.parameters;
  const label = isParameter ? "Start value" : "Value";
  const field = make("input", { type: "text", inputMode: "decimal", id: "start-value" });
  field.autocomplete = "off";
  const slider = make("input", { type: "range" });
  slider.setAttribute("aria-label", `${label} of ${name}`);
  const message = make("p", { className: "note wrong" });
  message.setAttribute("role", "status");
  field.oninput = () => {
    const isFine = isAllowed(name, readNumber(field.value));
    message.textContent = isFine ? "" : "Type a number, such as 0.5 or -1e-3.";
    if (isFine) setStart(name, readNumber(field.value));
  };
  slider.oninput = () => setStart(name, Number(slider.value));
  const note = isParameter && state.iteration > 0
    ? [make("p", { className: "note" }, "Training starts with this value, in iteration 0.")] : [];
  return [
    make("label", { htmlFor: "start-value" }, label), field, slider, message, ...note,
  ];
}

let drawnPanel = {};
let panelTime = 0;

function drawPanel() {
  const { selected, iteration, done, sample, rate, given } = state;
  const panel = $("panel");
  drawEditor();
  const now = { selected, iteration, done, sample, rate, given, hidden: practiceKey() };
  if (isSame(now, drawnPanel)) return;
  // While it runs, nobody reads the panel in every frame.
  if (state.isPlaying && performance.now() - panelTime < 150) return;
  panelTime = performance.now();
  drawnPanel = now;
  panel.classList.toggle("empty", !selected);
  const focused = panel.contains(document.activeElement) ? document.activeElement.dataset.name : "";
  if (selected) {
    const isHidden = hooks.isHidden(selected);
    $("panel-head").replaceChildren(...panelHead(selected));
    $("panel-body").replaceChildren(...(isHidden ? [] : panelBody(selected)));
  } else {
    $("panel-head").replaceChildren(...introduction());
    $("panel-body").replaceChildren();
  }
  const added = make("div");
  if (selected) hooks.panel(selected, added);
  $("panel-added").replaceChildren(added);
  if (selected) requestAnimationFrame(keepInSight);
  if (focused) panel.querySelector(`[data-name="${CSS.escape(focused)}"]`)?.focus();
}

// Whether the panel stands beside the network. In a narrow window, it covers its lower part.
const isPanelBeside = () => getComputedStyle($("panel")).bottom === "auto";

// Where the panel covers the lower part of the window, scroll what is selected above it.
function keepInSight() {
  const panel = $("panel");
  const shown = items.find(({ name }) => name === state.selected)?.group;
  if (!shown || shownAt === state.selected || isPanelBeside()) return;
  shownAt = state.selected;
  const { top, bottom } = shown.getBoundingClientRect();
  const covered = bottom + 24 - panel.getBoundingClientRect().top;
  if (covered <= 0) return;
  // As much of the drawing as there is room for.
  const toNetwork = $("network").getBoundingClientRect().top - 16;
  scrollBy({ top: Math.min(Math.max(covered, toNetwork), top - 16), behavior: "auto" });
}

// Scroll to the drawing, if it is above the window or far down in it.
function showNetwork() {
  const { top } = $("network").getBoundingClientRect();
  if (top < 0 || top > innerHeight / 3) scrollBy({ top: top - 16, behavior: "auto" });
  shownAt = "";
  keepInSight();
}

let shownAt = ""; // what has been scrolled into sight

// Changes when what is hidden changes.
const practiceKey = () =>
  Object.keys(quantities).filter((name) => hooks.isHidden(name)).join(" ");

function startPanel() {
  $("panel-close").onclick = () => select("");
  onChange(drawPanel);
}
