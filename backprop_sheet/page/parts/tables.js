// The network as tables, for everyone who reads numbers better in rows, and for screen readers.

const tableCells = []; // { name, cell }

function cellOf(name) {
  if (!(name in quantities)) return make("td");
  const button = make("button", { type: "button", className: "quantity number" });
  button.dataset.name = name;
  button.onclick = () => select(name);
  tableCells.push({ name, cell: button });
  return make("td", {}, button);
}

const headRow = (...titles) =>
  make("thead", {}, make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title))));

const rowHead = (...parts) => make("th", { scope: "row" }, ...parts);

const table = (caption, head, rows) => make("div", { className: "scroll", tabIndex: 0 },
  make("table", { className: "numbers" },
    make("caption", { className: "label" }, caption), head, make("tbody", {}, ...rows)));

function neuronTable() {
  const rows = exercise.layers.flat().map(([sumName, activation]) => make("tr", {},
    rowHead(typeset(sumName)), cellOf(sumName), cellOf(activation),
    cellOf(GRADIENT(activation)), cellOf(GRADIENT(sumName))));
  const derivative = (name) => make("span", {}, "∂E/∂", name);
  const head = headRow("neuron", "weighted sum", "activation", derivative("activation"), derivative("sum"));
  return table("Neurons", head, rows);
}

function parameterTable() {
  const rows = exercise.parameters.map((name) => {
    const [from, to] = exercise.connections[name] ?? ["bias", exercise.biasTargets[name].join(", ")];
    const states = exercise.states.filter((each) => parameterOf(each) === name);
    return make("tr", {}, rowHead(typeset(name)), make("td", {}, `${from.replace(/^a_/u, "")} → ${to}`),
      cellOf(name), cellOf(GRADIENT(name)), ...states.map(cellOf));
  });
  const letters = [...new Set(exercise.states.map((name) => name.split("_")[0]))];
  const head = headRow("parameter", "connection", "value", "gradient", ...letters);
  return table("Weights and biases", head, rows);
}

function givenTable() {
  const rows = [...exercise.inputs, ...exercise.targets, ...exercise.errors, "E_total"].map((name) =>
    make("tr", {}, rowHead(typeset(name)), make("td", {}, quantities[name].kind), cellOf(name)));
  if ("E_mean" in quantities) {
    rows.push(make("tr", {}, rowHead(typeset("E_mean")), make("td", {}, "mean error"), cellOf("E_mean")));
  }
  return table("Inputs, targets and errors", headRow("quantity", "kind", "value"), rows);
}

function updateTables() {
  if (!$("tables").open) return;
  const now = active();
  for (const { name, cell } of tableCells) {
    const text = shownNumber(name, long);
    if (cell.textContent !== text) {
      cell.textContent = text || "–";
      cell.setAttribute("aria-label", `${name}: ${text || "not computed yet"}`);
    }
    toggle(cell, "active", now.has(name));
    toggle(cell, "selected", name === state.selected);
  }
}

function startTables() {
  $("tables-body").append(parameterTable(), neuronTable(), givenTable());
  $("tables").addEventListener("toggle", updateTables);
  onChange(updateTables);
}
