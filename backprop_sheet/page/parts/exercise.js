// The exercise: its data, and what is known of each quantity.

const exercise = JSON.parse($("data").textContent);

// Rows of words, by their first word.
const rowsByName = (written, separator) => filledDown(written).map((row) => {
  const [name, ...entries] = row.split(separator);
  return [name, entries];
});

for (const key of ["columns", "products", "sentences", "exerciseFile"]) {
  exercise[key] = filledDown(exercise[key]);
}
for (const key of ["connections", "biasTargets"]) {
  exercise[key] = Object.fromEntries(rowsByName(exercise[key], " "));
}

// The samples, each with its inputs and targets, from one list of numbers or from base64.
function samplesOf(written) {
  const doubles = (text) =>
    new Float64Array(Uint8Array.from(atob(text), (each) => each.charCodeAt(0)).buffer);
  const numbers = typeof written === "string" ? [...doubles(written)] : written;
  const [inputs, targets] = [exercise.inputs.length, exercise.targets.length];
  return Array.from({ length: numbers.length / (inputs + targets) }, (_, index) => {
    const own = numbers.slice(index * (inputs + targets), (index + 1) * (inputs + targets));
    return [own.slice(0, inputs), own.slice(inputs)];
  });
}

exercise.samples = samplesOf(exercise.samples);

// A sentence with its names: "7 w5 o1" is sentence 7 with w5 and o1.
function sentenceOf(words) {
  const [number, ...names] = words.split(" ");
  return exercise.sentences[number].replace(/#(\d+)/gu, (_, index) => names[index]);
}

// The path of a chain rule as its factors: "E1 a_o1 o1" is ∂E1/∂a_o1 and ∂a_o1/∂o1.
function factorsOf(path) {
  const names = path.split(" ");
  return names.slice(1).map((by, index) => `∂${names[index]}/∂${by}`);
}

// What is known of each quantity: its kind, the words about it, its equation and its chain rule.
const quantities = {};
for (const [kind, names] of Object.entries(exercise.kinds)) {
  for (const name of filledDown(names)) quantities[name] = { kind };
  if (kind === "optimizer state") exercise.states = filledDown(names);
}
for (const [name, words] of rowsByName(exercise.words, ";")) {
  quantities[name].words = words.map(sentenceOf);
}
for (const { name, phase, formula } of EQUATIONS) Object.assign(quantities[name], { phase, formula });
for (const [name, paths] of rowsByName(exercise.paths, ";")) {
  const factors = paths.map(factorsOf);
  const chain = factors.map((path) => path.map((each) => `{${each}}`).join(" * ")).join(" + ");
  Object.assign(quantities[name], { paths: factors, chain });
}
for (const name of exercise.products) quantities[name].isProduct = true;
exercise.quantities = quantities;
exercise.states ??= [];
exercise.factors = Object.fromEntries(
  FACTOR_EQUATIONS.map(([label, { formula }]) => [label, formula]),
);
