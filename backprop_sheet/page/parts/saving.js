// Saving the exercise as a file, its table as CSV, and the link to what is shown.

function save(name, kind, parts) {
  const address = URL.createObjectURL(new Blob(parts, { type: `${kind};charset=utf-8` }));
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

const list = (numbers) => `[${numbers.map(exact).join(", ")}]`;

// The exercise with its given values as they are now, as an exercise file.
function exerciseFile() {
  const { parameters, samples } = state.given;
  const values = exercise.parameters.map((name) => parameters[name]);
  const weights = exercise.weights.length;
  let inputs = 0;
  let targets = 0;
  const completed = {
    "weights = ": () => list(values.slice(0, weights)),
    "biases = ": () => list(values.slice(weights)),
    "inputs = ": () => list(samples[inputs++][0]),
    "targets = ": () => list(samples[targets++][1]),
    "learning_rates = ": () => list([...new Set([state.rate, ...rates()])]),
  };
  return exercise.exerciseFile.map((start) => `${start}${completed[start]?.() ?? ""}\n`).join("");
}

// The table of the learning rate: one row per iteration, and sample if an update uses all.
function tableFile() {
  const first = exercise.samples.length > 1 ? ["iteration", "sample"] : ["iteration"];
  const columns = [...first, ...exercise.columns];
  const lines = [`${columns.join(",")}\r\n`];
  const run = new Run(state.given, state.rate, false);
  for (let n = 0; n <= exercise.iterations; n++) {
    run.error(n - 1);
    for (const row of run.rowsOf(n)) lines.push(`${columns.map((name) => exact(row[name])).join(",")}\r\n`);
  }
  return lines;
}

async function copyLink() {
  updateLink();
  try {
    await navigator.clipboard.writeText(location.href);
    setText($("saved"), "The link to this moment is copied.");
  } catch {
    setText($("saved"), "Copy the address of this page: it leads to this moment.");
  }
}

function startSaving() {
  $("save-exercise").onclick = () => {
    save("exercise.toml", "application/toml", [exerciseFile()]);
    setText($("saved"), "Saved as exercise.toml, which every gradsheet command reads.");
  };
  $("save-table").onclick = () => {
    save("table.csv", "text/csv", ["\ufeff", ...tableFile()]);
    setText($("saved"), "Saved as table.csv.");
  };
  $("copy-link").onclick = copyLink;
}
