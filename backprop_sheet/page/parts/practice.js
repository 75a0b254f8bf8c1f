// Try it yourself: numbers are hidden, and the reader computes them. Nothing is stored or sent.

const PRACTICE_KINDS = {
  "": [],
  gradients: ["gradient", "derivative"],
  all: ["gradient", "derivative", "weighted sum", "activation", "error", "total error", "mean error"],
};
const LEAST_DIGITS = 0.005; // a typed number needs about three significant digits
const NEAR = 1e-6; // relative, as `check` compares

const practice = {
  mode: "",
  found: new Set(), // the quantities whose number has been found
  moment: null, // at which they have been found
  texts: {}, // what has been typed, by quantity
  results: {}, // and what was said of it: { kind, text }
  hints: {}, // the number of hints that are open
};

hooks.isHidden = (name) => practice.mode !== "" &&
  Object.hasOwn(quantities, name) && !practice.found.has(name) &&
  PRACTICE_KINDS[practice.mode].includes(quantities[name].kind);

// --- judging -------------------------------------------------------------------------------------

// Half a unit of the last digit that has been typed: 0.005 for 0.12.
function roundingOf(text) {
  const [, decimals = "", exponent = "0"] =
    text.replace(",", ".").match(/^[^.e]*(?:\.(\d*))?(?:e([-+]?\d+))?$/iu) ?? [];
  return 0.5 * 10 ** (Number(exponent) - decimals.length);
}

const isNear = (typed, value, rounding) =>
  Math.abs(typed - value) <= Math.max(NEAR * Math.abs(value), rounding * 1.0001);

let mistakeRows = null; // made when they are needed first

// The mistakes of a quantity, the likeliest first: { value, cause }.
function mistakesOf(name) {
  mistakeRows ??= MISTAKES.flatMap(filledDown);
  const start = `${name} `;
  return mistakeRows.filter((row) => row.startsWith(start)).map((row) => {
    const [shape, cause] = row.slice(start.length).split("|").map((part) => part.split(" "));
    return {
      value: (row) => MISTAKE_SHAPES[shape[0]](row, row, [row], ...shape.slice(1)),
      cause: MISTAKE_CAUSES[cause[0]].replace(/#(\d+)/gu, (_, index) => cause[Number(index) + 1]),
    };
  });
}

// What is said of a typed number: { kind: "right", "wrong" or "", text }.
function judge(name, text) {
  const typed = readNumber(text);
  if (Number.isNaN(typed)) return { kind: "", text: "Type a number, such as 0.5 or -1e-3." };
  const row = rowNow();
  const value = row[name];
  if (!Number.isFinite(value)) {
    return { kind: "", text: "This training has diverged: there is no number here. Choose another iteration." };
  }
  const rounding = roundingOf(text.trim().replace(MINUS, "-"));
  const isCoarse = rounding > LEAST_DIGITS * Math.abs(value) && typed !== value;
  if (isNear(typed, value, isCoarse ? 0 : rounding)) return { kind: "right", text: "Right." };
  if (isCoarse && isNear(typed, value, rounding)) {
    return { kind: "", text: "Not yet: type at least three significant digits." };
  }
  const mistake = mistakesOf(name).find((each) => {
    const wrong = each.value(row);
    const isFine = rounding <= LEAST_DIGITS * Math.abs(wrong);
    return Number.isFinite(wrong) && isNear(typed, wrong, isFine ? rounding : 0);
  });
  const cause = mistake ? ` Likely cause: ${mistake.cause}.` : "";
  return { kind: "wrong", text: `Not yet.${cause}` };
}

// --- the panel -----------------------------------------------------------------------------------

const HINTS = [
  ["In words", explainWords],
  ["Its equation", (name) => explainFactors(name) ?? explainFormula(name)],
  ["With numbers", explainNumbers],
];

function practicePanel(name, container) {
  if (practice.found.has(name)) {
    container.append(make("p", { className: "answer-result right" }, "You have found this number."));
    if (toFind().some((each) => hooks.isHidden(each))) container.append(nextButton());
  }
  if (!hooks.isHidden(name)) return;
  if (!isKnown(name)) {
    container.append(make("p", { className: "note" }, "Step forward to the point where it is computed."));
    return;
  }
  container.append(answerForm(name), ...hintsOf(name));
}

function answerForm(name) {
  const field = make("input", { type: "text", inputMode: "decimal", id: "answer" });
  field.autocomplete = "off";
  field.value = practice.texts[name] ?? "";
  field.dataset.name = "answer";
  field.oninput = () => { practice.texts[name] = field.value; };
  const said = make("p", { className: "answer-result" });
  said.setAttribute("role", "status");
  const show = ({ kind, text } = { kind: "", text: "" }) => {
    said.className = `answer-result ${kind}`;
    said.textContent = text;
  };
  show(practice.results[name]);
  const form = make("form", { className: "answer" },
    make("label", { htmlFor: "answer" }, "Your number for ", typeset(name)), field,
    make("button", { type: "submit", className: "main" }, "Check"));
  form.onsubmit = (event) => {
    event.preventDefault();
    const result = judge(name, field.value);
    practice.results[name] = result;
    if (result.kind === "right") find(name);
    else show(result);
  };
  return make("div", {}, form, said);
}

function find(name) {
  practice.found.add(name);
  change({});
  afterRedraw(() => $("panel").querySelector("button.next")?.focus());
}

function nextButton() {
  const button = make("button", { type: "button", className: "main next" }, "Next number");
  button.onclick = selectNext;
  return button;
}

// Do something when the change has been drawn.
const afterRedraw = (action) => requestAnimationFrame(() => requestAnimationFrame(action));

// The hints that are open, and a button for the next one; after the last, for the number.
function hintsOf(name) {
  const open = practice.hints[name] ?? 0;
  const parts = HINTS.slice(0, open).flatMap(([title, explain]) => {
    const element = explain(name);
    return element ? [make("h3", {}, title), element] : [];
  });
  const isLast = open >= HINTS.length;
  const words = isLast ? "Show the number" : `Hint ${open + 1} of ${HINTS.length}`;
  const button = make("button", { type: "button", className: "hint" }, words);
  button.dataset.name = "hint";
  button.onclick = () => {
    if (isLast) {
      find(name);
      return;
    }
    practice.hints[name] = open + 1;
    drawnPanel = {};
    change({});
  };
  return [...parts, button];
}

// --- the section ---------------------------------------------------------------------------------

const toFind = () => (practice.mode ? Object.keys(quantities) : []).filter((name) =>
  PRACTICE_KINDS[practice.mode].includes(quantities[name].kind));

function setMode(mode) {
  practice.mode = mode;
  forget();
  // Everything is computed, so that everything can be found, and no weight is updated yet: the
  // gradients follow from the old ones.
  change(mode ? { done: AFTER_BACKWARD, isPlaying: false } : {});
}

function forget() {
  Object.assign(practice, { found: new Set(), texts: {}, results: {}, hints: {} });
}

// Other numbers are to be found when something else is given, or at another iteration.
function forgetAtAnotherMoment() {
  const { iteration, sample, rate, given } = state;
  const now = { iteration, sample, rate, given, mode: practice.mode };
  if (practice.moment && !isSame(now, practice.moment)) forget();
  practice.moment = now;
}

function updatePractice() {
  check("practice", practice.mode);
  const names = toFind();
  const left = names.filter((name) => !practice.found.has(name));
  $("practice-progress").hidden = $("practice-next").hidden = !practice.mode;
  setText($("practice-progress"), left.length
    ? `${names.length - left.length} of ${names.length} numbers found`
    : `All ${names.length} numbers found.`);
  $("practice-next").disabled = left.length === 0;
}

// Select the next number to be found, in the order of computation.
function selectNext() {
  const names = EQUATIONS.map(({ name }) => name).filter((name) => hooks.isHidden(name));
  const after = names.find((name) => INDEX.get(name) > (INDEX.get(state.selected) ?? -1));
  select(after ?? names[0] ?? "");
  afterRedraw(() => {
    showNetwork();
    // On a phone or a tablet, the keyboard would cover the network.
    if (isPanelBeside()) $("answer")?.focus({ preventScroll: true });
  });
}

linkParts.practice = {
  write: () => practice.mode,
  reset: () => { practice.mode = ""; },
  read: (text) => { if (Object.hasOwn(PRACTICE_KINDS, text)) practice.mode = text; },
};

function startPractice() {
  for (const input of document.querySelectorAll("input[name=practice]")) {
    input.onchange = () => setMode(input.value);
  }
  $("practice-next").onclick = selectNext;
  hooks.panel = practicePanel;
  // Before everything else, so that no number of another moment is shown as found.
  listeners.unshift(forgetAtAnotherMoment);
  onChange(updatePractice);
}
