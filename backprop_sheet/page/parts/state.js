// What is shown, as one object: every part of the page draws it, and changes it with `change`.

const initialState = () => ({
  iteration: 0,
  done: AFTER_FORWARD, // the number of equations of this iteration that are computed
  sample: 0, // of the rows of an iteration
  rate: exercise.rates[0],
  ownRate: null, // a learning rate that the exercise does not have
  selected: "",
  grain: "phase", // how far a step goes: equation, phase, iteration
  isPlaying: false,
  scale: "linear",
  given: originalGiven(),
});

const state = initialState();

// What other modules may set. `isHidden` says whether a quantity's number is to be found by the
// reader; `panel` may add to the panel of the selected quantity.
const hooks = { isHidden: () => false, panel: () => {} };

const listeners = [];
const onChange = (listener) => listeners.push(listener);

let isWaiting = false;

function change(values) {
  Object.assign(state, values);
  normalize();
  if (isWaiting) return;
  isWaiting = true;
  requestAnimationFrame(redraw);
}

function redraw() {
  isWaiting = false;
  for (const listener of listeners) listener(state);
}

// Whether two objects have the same values.
const isSame = (one, other) => Object.keys(one).every((key) => one[key] === other[key]);

const within = (low, value, high) => Math.min(Math.max(value, low), high);

function normalize() {
  state.iteration = within(0, Math.round(state.iteration) || 0, exercise.iterations);
  state.done = within(0, Math.round(state.done) || 0, EQUATIONS.length - 1);
  if (state.iteration === exercise.iterations) state.done = Math.min(state.done, AFTER_BACKWARD);
  const rows = exercise.isBatch ? exercise.samples.length : 1;
  state.sample = within(0, Math.round(state.sample) || 0, rows - 1);
  if (!Object.hasOwn(quantities, state.selected)) state.selected = "";
}

// --- the numbers ---------------------------------------------------------------------------------

let runs = new Map(); // by learning rate
let runsOf = state.given;

// The training at a learning rate from the given values as they are now.
function runAt(rate) {
  if (runsOf !== state.given) {
    runs = new Map();
    runsOf = state.given;
  }
  if (!runs.has(rate)) runs.set(rate, new Run(state.given, rate, true));
  return runs.get(rate);
}

const rates = () =>
  state.ownRate === null ? exercise.rates : [...exercise.rates, state.ownRate];

const rowsOf = (n) => runAt(state.rate).rows(n);
const rowNow = () => rowsOf(state.iteration)[state.sample];
const updatedNow = () => runAt(state.rate).updated(state.iteration);

const isDone = (name) => !INDEX.has(name) || INDEX.get(name) < state.done;

// Whether a quantity has a number at this moment; parameters always have one.
const isKnown = (name) => {
  if (name === "E_mean") return state.done >= AFTER_FORWARD;
  return quantities[name]?.phase === undefined || quantities[name].phase === 2 || isDone(name);
};

// The number of a quantity as it stands now, or undefined. After its update, it is the new one.
function valueOf(name) {
  if (!isKnown(name)) return undefined;
  if (quantities[name]?.phase === 2 && isDone(name)) return updatedNow()[name];
  return rowNow()[name];
}

const valuesNow = () =>
  Object.fromEntries(Object.keys(quantities).map((name) => [name, valueOf(name)]));

const shownNumber = (name, write = short) => {
  const value = valueOf(name);
  if (value === undefined) return "";
  return hooks.isHidden(name) ? "?" : write(value);
};

const isState = (name) => exercise.states.includes(name);

// The parameter of an optimizer state: w1 of m_w1.
const parameterOf = (name) => name.replace(/^._/u, "");

// --- moving through time -------------------------------------------------------------------------

const moment = () => [state.iteration, state.done];

function goTo(iteration, done) {
  const isLast = iteration >= exercise.iterations && done > AFTER_BACKWARD;
  change({ iteration, done: isLast ? AFTER_BACKWARD : done });
}

const STOPS = [0, AFTER_FORWARD, AFTER_BACKWARD, EQUATIONS.length];

// The moment one step later; after the last update of an iteration comes the next iteration.
function nextMoment() {
  const [n, done] = moment();
  if (state.grain === "iteration") {
    return done < AFTER_BACKWARD ? [n, AFTER_BACKWARD] : [n + 1, AFTER_BACKWARD];
  }
  const next = state.grain === "equation" ? done + 1 : STOPS.find((stop) => stop > done);
  return next >= EQUATIONS.length ? [n + 1, 0] : [n, next];
}

function previousMoment() {
  const [n, done] = moment();
  if (state.grain === "iteration") {
    return done > AFTER_BACKWARD || n === 0 ? [n, AFTER_BACKWARD] : [n - 1, AFTER_BACKWARD];
  }
  if (done === 0) return [n - 1, state.grain === "equation" ? EQUATIONS.length - 1 : AFTER_BACKWARD];
  return [n, state.grain === "equation" ? done - 1 : STOPS.findLast((stop) => stop < done)];
}

// Whether there is a moment after, or before, the one that is shown.
const canStep = (direction) => {
  const [n, done] = direction > 0 ? nextMoment() : previousMoment();
  const isSame = n === state.iteration && done === state.done;
  return n >= 0 && n <= exercise.iterations && !isSame;
};

function move(direction) {
  if (!canStep(direction)) return;
  goTo(...(direction > 0 ? nextMoment() : previousMoment()));
  // Equation by equation, the panel explains each; where it covers the network, only if it is open.
  if (state.grain === "equation" && (state.selected || isPanelBeside())) select(lastComputed() ?? "");
}

// The quantity that the last equation computed; at the start of an iteration, that of the update.
function lastComputed() {
  if (state.done > 0) return EQUATIONS[state.done - 1].name;
  return state.iteration > 0 ? EQUATIONS.at(-1).name : undefined;
}

// The quantities that the last step computed.
function active() {
  const [n, done] = moment();
  const last = (done === 0 ? (n > 0 ? EQUATIONS.length : 0) : done) - 1;
  if (last < 0) return new Set();
  const { phase } = EQUATIONS[last];
  const first = state.grain === "equation" ? last : 0;
  const names = EQUATIONS.slice(first, last + 1)
    .filter((each) => each.phase === phase).map((each) => each.name);
  // The drawing shows no optimizer state: its parameter stands for it.
  return new Set([...names, ...names.filter((name) => isState(name)).map(parameterOf)]);
}

// --- changing what is given ----------------------------------------------------------------------

// Where the start value of a quantity stands: in the parameters, or in a sample.
function placeOf(name, given = state.given) {
  if (name in given.parameters) return [given.parameters, name];
  const sample = given.samples[rowNow().sample - 1];
  const input = exercise.inputs.indexOf(name);
  if (input >= 0) return [sample[0], input];
  const target = exercise.targets.indexOf(name);
  return target >= 0 ? [sample[1], target] : null;
}

const isGiven = (name) => placeOf(name) !== null;

const startValue = (name) => {
  const [values, key] = placeOf(name);
  return values[key];
};

// Whether a number is allowed there; the limits are those of exercise files.
const isAllowed = (name, value) => {
  const limit = exercise.targets.includes(name) ? exercise.limits.target : exercise.limits.value;
  return Number.isFinite(value) && Math.abs(value) <= limit;
};

const isAllowedRate = (value) =>
  Number.isFinite(value) && value > 0 && value <= exercise.limits.rate;

function setStart(name, value) {
  if (!isAllowed(name, value)) return;
  const given = structuredClone(state.given);
  const [values, key] = placeOf(name, given);
  values[key] = value;
  change({ given });
}

function setRate(value) {
  if (!isAllowedRate(value)) return;
  change(exercise.rates.includes(value) ? { rate: value } : { rate: value, ownRate: value });
}

// --- the link ------------------------------------------------------------------------------------

// A part of the link is the texts that `write` returns and `read` takes. What is read may come from
// anyone: it is bounded, and what is not understood is left out.
const linkParts = {
  n: { write: () => (state.iteration ? String(state.iteration) : ""), read: readCount("iteration") },
  step: {
    write: () => (state.done === AFTER_FORWARD ? "" : String(state.done)),
    read: readCount("done"),
  },
  sample: { write: () => (state.sample ? String(state.sample + 1) : ""), read: readSample },
  lr: { write: () => (state.rate === exercise.rates[0] ? "" : exact(state.rate)), read: readRate },
  show: { write: () => state.selected, read: (text) => { state.selected = text; } },
  by: {
    write: () => (state.grain === "phase" ? "" : state.grain),
    read: (text) => { if (["equation", "iteration"].includes(text)) state.grain = text; },
  },
  scale: {
    write: () => (state.scale === "log" ? "log" : ""),
    read: (text) => { state.scale = text === "log" ? "log" : "linear"; },
  },
  given: { write: writeGiven, read: readGiven },
};

const MAX_LINK = 20_000; // characters

function readCount(key) {
  return (text) => { if (/^\d{1,6}$/u.test(text)) state[key] = Number(text); };
}

function readSample(text) {
  if (/^\d{1,3}$/u.test(text)) state.sample = Number(text) - 1;
}

function readRate(text) {
  const value = readNumber(text);
  if (!isAllowedRate(value)) return;
  state.rate = value;
  if (!exercise.rates.includes(value)) state.ownRate = value;
}

// The given values that differ from the exercise's: "w1=0.2;2.i1=0.5" (of sample 2).
function writeGiven() {
  const original = originalGiven();
  const parts = exercise.parameters
    .filter((name) => state.given.parameters[name] !== original.parameters[name])
    .map((name) => `${name}=${exact(state.given.parameters[name])}`);
  state.given.samples.forEach((sample, number) => {
    [exercise.inputs, exercise.targets].forEach((names, kind) => {
      names.forEach((name, index) => {
        const value = sample[kind][index];
        if (value !== original.samples[number][kind][index]) {
          parts.push(`${number + 1}.${name}=${exact(value)}`);
        }
      });
    });
  });
  return parts.join(";");
}

function readGiven(text) {
  const given = originalGiven();
  for (const part of text.split(";").slice(0, 2000)) {
    const [, number, name, written] = part.match(/^(?:(\d{1,3})\.)?([a-z]\d{1,3})=(.{1,30})$/u) ?? [];
    const value = readNumber(written ?? "");
    if (!name || !isAllowed(name, value)) continue;
    const sample = given.samples[Number(number) - 1];
    const [input, target] = [exercise.inputs, exercise.targets].map((names) => names.indexOf(name));
    if (!number && exercise.parameters.includes(name)) given.parameters[name] = value;
    else if (sample && input >= 0) sample[0][input] = value;
    else if (sample && target >= 0) sample[1][target] = value;
  }
  state.given = given;
}

function writeLink() {
  const parts = new URLSearchParams();
  for (const [key, { write }] of Object.entries(linkParts)) {
    const text = write();
    if (text) parts.set(key, text);
  }
  return String(parts);
}

// Show what the link says; what it does not mention is as at the start.
function readLink() {
  const text = location.hash.slice(1);
  const parts = new URLSearchParams(text.length > MAX_LINK ? "" : text);
  Object.assign(state, initialState());
  for (const { reset } of Object.values(linkParts)) reset?.();
  for (const [key, { read }] of Object.entries(linkParts)) {
    if (parts.has(key)) read(parts.get(key));
  }
  change({});
}

let linkTimer = 0;

onChange(() => {
  clearTimeout(linkTimer);
  if (!state.isPlaying) linkTimer = setTimeout(updateLink, 200);
});

function updateLink() {
  const link = writeLink();
  if (location.hash.slice(1) === link) return;
  try {
    history.replaceState(null, "", link ? `#${link}` : location.pathname + location.search);
  } catch {
    // A preview may forbid it; the page works without.
  }
}
