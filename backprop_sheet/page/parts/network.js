// The network as a drawing: nodes with sum and activation, connections with weights and gradients.

let drawing = null; // the layout
let items = []; // { name, group, value, x, y }: what shows the number of a quantity
let edges = []; // { name, path, source, target }: the connection of a weight, or of an output
let cards = []; // { name, rect }: the card that is tinted by an activation
let lit = new Map(); // the names on the path of the selected quantity, with their order

const EDITABLE_HINT = "Drag sideways to change it.";

function drawNetwork() {
  const container = $("network");
  drawing = layOut(container.clientWidth);
  items = [];
  edges = [];
  cards = [];
  const { width, height, size } = drawing;
  const root = svg("svg", {
    width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "The network",
    class: `${size.level}${isDense ? " dense" : ""}`,
  });
  const lines = svg("g", { class: "edges" });
  root.append(lines);
  drawing.heads.forEach((head) => root.append(columnHead(head)));
  exercise.inputs.forEach((name, index) => root.append(inputCard(name, drawing.inputs[index])));
  exercise.layers.forEach((layer, index) => layer.forEach((neuron, number) => {
    root.append(...neuronParts(neuron, drawing.cards[index][number]));
  }));
  exercise.errors.forEach((name, index) => {
    root.append(card(drawing.errors[index], "error", [exercise.targets[index], name]));
  });
  const totals = ["E_total", ...("E_mean" in quantities ? ["E_mean"] : [])];
  root.append(card(drawing.total, "error total", totals));
  drawConnections(lines);
  container.replaceChildren(root);
  $("short-names").hidden = !size.hasLittleRoom;
  if (items[0]) items[0].group.setAttribute("tabindex", 0);
  updateNetwork();
}

const HEADS = { 0: exercise.inputs.length > 1 ? "inputs" : "input", [-1]: "error" };

function columnHead({ x, layer }) {
  const isLast = layer === exercise.layers.length;
  const words = HEADS[layer] ?? (isLast ? "output" : "hidden");
  const text = svg("text", { x, y: 13, class: "head" }, words);
  if (layer > 0) {
    const below = svg("tspan", { x, dy: 13, class: "kind" }, exercise.activations[layer - 1]);
    text.append(below);
  }
  return text;
}

// --- parts ---------------------------------------------------------------------------------------

const box = ({ x, y, width, height }, attributes) => svg("rect", { x, y, width, height, ...attributes });

// A line of a card or a port: the name at the left, the number at the right.
function item(name, { x, y, width, height }, label = null) {
  const group = svg("g", { class: "item", role: "button", tabindex: -1, "data-name": name });
  group.append(box({ x, y, width, height }, { rx: 4, class: "back" }));
  const middle = y + height / 2;
  const { pad } = drawing.size;
  const written = svg("text", { x: x + pad, y: middle, class: "symbol" });
  written.append(...(label === null ? typesetInDrawing(name) : [label]));
  const value = svg("text", { x: x + width - pad, y: middle, class: "value" });
  group.append(written, value);
  if (isGiven(name)) group.classList.add("given");
  items.push({ name, group, value, x: x + width / 2, y: middle });
  return group;
}

function inputCard(name, place) {
  const { line } = drawing.size;
  const group = svg("g", { class: "card input" }, box(place, { rx: 8, class: "body" }));
  const one = item(name, { ...place, y: place.y + 4, height: 2 * line });
  // The name above its number: inputs are narrow.
  const [, symbol, value] = one.children;
  const x = place.x + place.width / 2;
  symbol.setAttribute("x", x);
  symbol.setAttribute("y", place.y + 4 + line * 0.55);
  value.setAttribute("x", x);
  value.setAttribute("y", place.y + 4 + line * 1.5);
  one.classList.add("stacked");
  group.append(one);
  return group;
}

// Beside the name of its quantity, a derivative needs no name of its own where there is little room.
function shortLabel(name) {
  const { kind } = quantities[name];
  const hasLittleRoom = drawing.size.hasLittleRoom || (isDense && kind === "gradient");
  return derivativeOf(name) && hasLittleRoom ? "∂" : null;
}

function card(place, kind, names) {
  const { line } = drawing.size;
  const body = box(place, { rx: 8, class: "body" });
  const group = svg("g", { class: `card ${kind}` }, body);
  names.forEach((name, index) => {
    group.append(item(name, { ...place, y: place.y + 6 + index * line, height: line }, shortLabel(name)));
  });
  return group;
}

function neuronParts(neuron, place) {
  const [sumName, activation] = neuron;
  const ports = PORTS[sumName].map((name) => {
    const at = drawing.ports[name].find((port) => port.target === sumName);
    return port(name, at);
  });
  const group = card(place, "neuron", [sumName, activation, ...derivativesOf(neuron)]);
  cards.push({ name: activation, rect: group.firstChild });
  return [...ports, group];
}

function port(name, place) {
  const { line, half } = drawing.size;
  const group = svg("g", { class: "port" }, box(place, { rx: 6, class: "body" }));
  const gradient = GRADIENT(name);
  const hasGradient = gradient in quantities;
  const weight = { ...place, height: line, width: isDense ? half : place.width };
  if (!hasGradient) Object.assign(weight, { y: place.y + (place.height - line) / 2 });
  group.append(item(name, weight));
  if (hasGradient) {
    const below = isDense
      ? { ...place, x: place.x + half, width: place.width - half, height: line }
      : { ...place, y: place.y + line, height: line };
    group.append(item(gradient, below, shortLabel(gradient)));
  }
  return group;
}

function drawConnections(lines) {
  const right = {}; // where the connections of a source start
  exercise.inputs.forEach((name, index) => { right[name] = drawing.inputs[index]; });
  exercise.layers.forEach((layer, index) => layer.forEach(([, activation], number) => {
    right[activation] = drawing.cards[index][number];
  }));
  for (const [name, [source, target]] of Object.entries(exercise.connections)) {
    const from = right[source];
    const [to] = drawing.ports[name];
    addEdge(lines, name, source, target, from.x + from.width, from.y + from.height / 2, to.x,
      to.y + to.height / 2);
  }
  exercise.errors.forEach((name, index) => {
    const from = right[exercise.layers.at(-1)[index][1]];
    const to = drawing.errors[index];
    const source = exercise.layers.at(-1)[index][1];
    if (drawing.size.isBelow) {
      const x = from.x + from.width / 2;
      addEdge(lines, name, source, name, x, from.y + from.height, x, to.y);
    } else {
      addEdge(lines, name, source, name, from.x + from.width, from.y + from.height / 2, to.x,
        to.y + to.height / 2);
    }
  });
}

function addEdge(lines, name, source, target, x1, y1, x2, y2) {
  const bend = Math.max(12, (x2 - x1) * 0.5);
  const shape = Math.abs(x1 - x2) < 1
    ? `M${x1} ${y1} L${x2} ${y2}`
    : `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  const path = svg("path", { d: shape, class: "edge", "data-name": name });
  lines.append(path);
  edges.push({ name, path, source, target });
}

// --- numbers and highlights ----------------------------------------------------------------------

function updateNetwork() {
  const now = active();
  lit = pathOf(state.selected);
  for (const shown of items) updateItem(shown, now);
  updateEdges(now);
  updateCards();
}

const MARKS = ["unknown", "asked", "active", "selected", "lit", "minus", "plus"];

// Show the number of an item, and its marks as classes; most of them are as they were.
function updateItem(shown, now) {
  const { name, group, value } = shown;
  const text = shownNumber(name);
  if (shown.text !== text) {
    shown.text = value.textContent = text;
    group.setAttribute("aria-label", `${name} ${text || "not computed yet"}`);
  }
  const number = text && text !== "?" ? valueOf(name) : 0;
  const areOn = [
    !text, text === "?", now.has(name), name === state.selected, lit.has(name), number < 0, number > 0,
  ];
  const marks = areOn.join();
  if (shown.marks === marks) return;
  shown.marks = marks;
  MARKS.forEach((mark, index) => toggle(group, mark, areOn[index]));
}

function updateEdges(now) {
  const { thickest } = drawing.size;
  const weights = edges.filter(({ name }) => name in exercise.connections);
  const largest = Math.max(...weights.map(({ name }) => Math.abs(valueOf(name)) || 0), 1e-300);
  for (const { name, path, source, target } of edges) {
    const isWeight = name in exercise.connections;
    const value = isWeight && !hooks.isHidden(name) ? valueOf(name) : 0;
    const width = (1 + (thickest - 1) * Math.min(1, Math.abs(value) / largest || 0)).toFixed(1);
    if (path.style.strokeWidth !== `${width}px`) path.style.strokeWidth = `${width}px`;
    toggle(path, "minus", value < 0);
    toggle(path, "plus", value > 0);
    toggle(path, "active", now.has(target) || now.has(name) || now.has(GRADIENT(name)));
    const order = lit.get(`${source}→${target}`);
    toggle(path, "lit", order !== undefined);
    if (order !== undefined) path.style.setProperty("--order", order);
  }
}

function updateCards() {
  for (const { name, rect } of cards) {
    const isShown = isKnown(name) && !hooks.isHidden(name);
    const value = isShown ? valueOf(name) : 0;
    const share = Math.round(26 * Math.min(1, Math.abs(value) || 0));
    if (rect.dataset.share !== String(share)) {
      rect.dataset.share = share;
      rect.style.setProperty("--share", `${share}%`);
    }
    toggle(rect, "minus", value < 0);
  }
}

// What a quantity is computed from, with the order in which it lights up: for a derivative, the
// path from the error to the quantity it is by; else, the quantities of its formula.
function pathOf(name) {
  const path = new Map();
  const shown = quantities[name];
  if (!shown) return path;
  const gradient = name in exercise.biasTargets || name in exercise.connections
    ? GRADIENT(name) : name;
  if (state.done > AFTER_FORWARD && quantities[gradient]?.paths) addPaths(gradient, path, 0);
  else if (shown.phase === 0) addOperands(name, path);
  path.set(name, 0);
  return path;
}

function addPaths(name, path, order) {
  let last = order;
  for (const factors of quantities[name].paths) {
    let at = order;
    for (const label of factors) {
      const [of, by] = derivativeOf(label).map((part) => part.slice(1));
      if (of === "E") {
        at = addPaths(label, path, at);
        path.set(label, at);
        continue;
      }
      path.set(of, at);
      path.set(`${by}→${of}`, at);
      path.set(by, at + 1);
      if (by in exercise.connections) path.set(exercise.connections[by].join("→"), at);
      at += 1;
    }
    last = Math.max(last, at);
  }
  return last;
}

function addOperands(name, path) {
  fill(quantities[name].formula, (key) => {
    path.set(key, 0);
    if (key in exercise.connections) path.set(exercise.connections[key].join("→"), 0);
    path.set(`${key}→${name}`, 0);
    return "";
  });
}

// --- selecting and dragging ----------------------------------------------------------------------

const select = (name) => change({ selected: name });

const itemAt = (event) => event.target.closest?.(".item");

let drag = null; // { name, x, start, moved }

function startDrag(event) {
  const name = itemAt(event)?.dataset.name;
  if (!name || event.button > 0) return;
  drag = { name, x: event.clientX, pointer: event.pointerId, isMoved: false };
  if (isGiven(name)) drag.start = startValue(name);
}

// The value after dragging by a number of pixels: a pixel is a hundredth of its size.
function dragged(start, pixels) {
  const unit = 10 ** Math.max(-2, Math.floor(Math.log10(Math.abs(start) || 1)) - 1);
  return Number((start + Math.round(pixels / 2) * unit * 0.5).toPrecision(12));
}

function continueDrag(event) {
  if (!drag || event.pointerId !== drag.pointer || drag.start === undefined) return;
  const pixels = event.clientX - drag.x;
  if (!drag.isMoved && Math.abs(pixels) < 6) return;
  if (!drag.isMoved) {
    drag.isMoved = true;
    $("network").setPointerCapture(event.pointerId);
    change({ selected: drag.name });
  }
  event.preventDefault();
  setStart(drag.name, dragged(drag.start, pixels));
}

function endDrag(event) {
  if (!drag || event.pointerId !== drag.pointer) return;
  const { name, isMoved } = drag;
  drag = null;
  if (!isMoved && event.type === "pointerup" && itemAt(event)?.dataset.name === name) select(name);
}

const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

function onNetworkKey(event) {
  const group = itemAt(event);
  if (!group) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    select(group.dataset.name);
    return;
  }
  const direction = ARROWS[event.key];
  if (!direction) return;
  event.preventDefault();
  const from = items.find((one) => one.group === group);
  const next = nearest(from, direction);
  if (!next) return;
  for (const one of items) one.group.setAttribute("tabindex", one === next ? 0 : -1);
  next.group.focus();
}

// The nearest item in a direction; what lies beside the way counts twice.
function nearest(from, [dx, dy]) {
  let best = null;
  let least = Infinity;
  for (const one of items) {
    const [x, y] = [one.x - from.x, one.y - from.y];
    const along = x * dx + y * dy;
    const beside = Math.abs(x * dy) + Math.abs(y * dx);
    if (along > 1 && along + 2 * beside < least) [best, least] = [one, along + 2 * beside];
  }
  return best;
}

// A name under the pointer, anywhere on the page, is marked in the drawing.
function markUnderPointer(event) {
  const name = event.target.closest?.("[data-name]")?.dataset.name ?? "";
  for (const { name: own, group } of items) toggle(group, "pointed", own === name);
  for (const { name: own, path } of edges) toggle(path, "pointed", own === name);
}

// In a narrow window, the drawing scrolls to what is computed; of a part that is wider than the
// window, to its beginning: the inputs, or after the backward pass the error.
function follow() {
  const container = $("network");
  if (container.scrollWidth <= container.clientWidth + 4) return;
  const now = active();
  const places = items.filter(({ name }) => now.has(name)).map(({ x }) => x);
  if (!places.length) return;
  const [first, last] = [Math.min(...places), Math.max(...places)];
  const isBackward = EQUATIONS[Math.max(0, state.done - 1)].phase === 1;
  const room = container.clientWidth - 2 * drawing.size.card;
  const middle = last - first < room ? (first + last) / 2 : isBackward ? last : first;
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  container.scrollTo({
    left: middle - container.clientWidth / 2, behavior: isCalm ? "auto" : "smooth",
  });
}

function startNetwork() {
  const container = $("network");
  container.addEventListener("pointerdown", startDrag);
  container.addEventListener("pointermove", continueDrag);
  container.addEventListener("pointerup", endDrag);
  container.addEventListener("pointercancel", endDrag);
  container.addEventListener("keydown", onNetworkKey);
  document.addEventListener("pointerover", markUnderPointer);
  let width = 0;
  new ResizeObserver(() => {
    if (container.clientWidth === width) return;
    width = container.clientWidth;
    drawNetwork();
  }).observe(container);
  drawNetwork();
  let before = "";
  onChange(() => {
    updateNetwork();
    const now = `${state.iteration}:${state.done}`;
    if (now !== before && !state.isPlaying) follow();
    before = now;
  });
}
