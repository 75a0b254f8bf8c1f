// The layers as rows of maps, and the selected value in them.

// The layers that are shown: the input, then a stage each.
const SHOWN = [
  { key: "input", name: "Input", does: "", size: "28×28 pixels", shape: [28, 28, 1], item: "map" },
  ...data.stages,
];
const LAST = SHOWN.length - 1;
// The least side of a map's picture. Larger maps have larger pictures, and so have values that are not
// many.
const MANY = 100;
function sideOf({ shape: [height, width, maps] }, layer) {
  if (layer === 0) return 112;
  if (layer === LAST) return 42;
  const longer = Math.max(height, width);
  return longer > 8 ? 54 : longer > 1 ? 36 : maps > MANY ? 20 : 28;
}
const ranges = []; // of each layer: its color scale, between the least and the largest number

function mapButton(layer, map) {
  const { name, item } = SHOWN[layer];
  const picture = make("canvas");
  const marks = ["source", "mark"].map((className) => make("span", { className }));
  const framed = make("span", { className: "framed" }, picture, ...marks);
  const button = make("button", { type: "button", className: "map" }, framed);
  if (layer === LAST) {
    button.classList.add("with-value");
    button.append(make("span", { className: "value" }, make("b", { textContent: map }), ""));
  }
  button.dataset.map = map;
  button.tabIndex = map ? -1 : 0;
  button.setAttribute("aria-label", `${name}, ${layer === LAST ? `digit ${map}` : `${item} ${map + 1}`}`);
  button.addEventListener("click", (event) => clickMap(event, layer, map));
  button.addEventListener("pointermove", (event) => showPointedAt(event, layer, map));
  button.addEventListener("pointerleave", hideReadout);
  button.addEventListener("keydown", (event) => moveInMap(event, layer, map));
  return button;
}

const buttons = SHOWN.map((shown, layer) => {
  const { key, name, does, size, shape } = shown;
  const group = make("div", { className: "maps" });
  group.style.setProperty("--side", `${sideOf(shown, layer)}px`);
  group.dataset.layer = key;
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", `${name}: ${size}`);
  ranges[layer] = ["span", "canvas", "span"].map((tag) => make(tag));
  const lines = [does, size].filter(Boolean).map((text) => make("p", { className: "note", textContent: `${text} ` }));
  const words = make("div", {}, make("h3", { textContent: name }), ...lines,
    make("p", { className: "note range" }, ...ranges[layer]));
  $("layers").append(make("div", { className: "layer" }, words, group));
  const all = Array.from({ length: shape[2] }, (_, map) => mapButton(layer, map));
  group.append(...all);
  keepBalanced(group, sideOf(shown, layer));
  return all;
});

const formatLogit = (value) => withMinus(value.toFixed(2)).replace("−0.00", "0.00");

function drawLayers() {
  state.layers.forEach((layer, index) => {
    const { height, width, values } = layer;
    const largest = largestOf(values);
    drawRange(ranges[index], index, largest);
    buttons[index].forEach((button, map) => {
      const picture = button.querySelector("canvas");
      if (index === 0) drawPixels(picture, state.pixels, 28, 28);
      else drawValues(picture, values, height, width, { offset: map * height * width, largest });
      if (index === LAST) button.querySelector(".value").lastChild.textContent = formatLogit(values[map]);
    });
  });
}

// The color scale of a layer whose values are up to `largest`; of the input, that of pixels.
function drawRange([least, scale, most], layer, largest) {
  least.textContent = layer ? formatShort(-largest) : "0";
  most.textContent = layer ? formatShort(largest) : "255";
  if (layer) drawScale(scale);
  else drawPixels(scale, Uint8Array.from({ length: 256 }, (_, at) => at), 1, 256);
}

function drawScale(picture) {
  drawValues(picture, Array.from({ length: 201 }, (_, at) => (at - 100) / 100), 1, 201);
}

const drawLegend = () => drawScale($("scale"));

// --- the selected value --------------------------------------------------------------------------------

// Put a frame around rows and columns of a map's picture, from `first` to `last` including both.
function frame(button, className, layer, first, last) {
  const { height, width } = state.layers[layer];
  const [across, down] = [100 / width, 100 / height]; // percent
  Object.assign(button.querySelector(`.${className}`).style, {
    left: `calc(${first[1] * across}% - 1px)`,
    top: `calc(${first[0] * down}% - 1px)`,
    width: `calc(${(last[1] - first[1] + 1) * across}% + 2px)`,
    height: `calc(${(last[0] - first[0] + 1) * down}% + 2px)`,
  });
}

// Frame the values of the layer before that the selected one is computed from.
function markSources() {
  for (const button of document.querySelectorAll(".map.read-from")) button.classList.remove("read-from");
  if (!selected?.layer) return;
  const { layer: index, map, y, x } = selected;
  const { previous, stage } = state.layers[index];
  const operation = stage.operations[0];
  const { maps, height, width } = previous;
  let places = [[0, 0], [height - 1, width - 1]];
  let sources = Array.from({ length: maps }, (_, source) => source);
  if (operation.size) {
    places = windowPlaces(operation, previous, y, x).filter((place) => place);
    sources = operation.kind === "pooling" ? [map] : kernelOf(operation, previous, map).channels;
  } else if (operation.kind !== "dense") {
    return; // number by number: the place is the selected one
  }
  if (!places.length) return;
  const rows = places.map(([row]) => row);
  const columns = places.map(([, column]) => column);
  for (const source of sources) {
    const button = buttons[index - 1][source];
    button.classList.add("read-from");
    const [first, last] = [Math.min, Math.max].map((end) => [end(...rows), end(...columns)]);
    frame(button, "source", index - 1, first, last);
    const isWhole = last[0] - first[0] + 1 === height && last[1] - first[1] + 1 === width;
    button.querySelector(".source").classList.toggle("whole", isWhole);
  }
}

// Point at the map of the layer before that the window under the pointer is from.
function pointAtSource(map) {
  for (const button of document.querySelectorAll(".map.pointed-at")) button.classList.remove("pointed-at");
  if (map !== null && selected?.layer) buttons[selected.layer - 1][map].classList.add("pointed-at");
}

function select(position) {
  pointAtSource(null);
  for (const button of document.querySelectorAll(".map.selected")) button.classList.remove("selected");
  selected = position;
  markSources();
  if (!position) return explainNothing();
  const { layer, map, y, x } = position;
  const button = buttons[layer][map];
  for (const other of buttons[layer]) other.tabIndex = other === button ? 0 : -1;
  button.classList.add("selected");
  frame(button, "mark", layer, [y, x], [y, x]);
  explain();
  uncover(button);
}

// On a phone, the computation lies over the lower part of the screen.
const isCovering = () => getComputedStyle($("computation")).position === "fixed";

function uncover(button) {
  if (!isCovering()) return;
  const box = button.getBoundingClientRect();
  const below = box.bottom + 12 - $("computation").getBoundingClientRect().top;
  if (below > 0) scrollBy({ top: Math.min(below, Math.max(0, box.top - 8)), behavior: "instant" });
}

function selectLargest(layer) {
  const { height, width, values } = state.layers[layer];
  const at = values.indexOf(values.reduce((a, b) => Math.max(a, b)));
  const place = at % (height * width);
  select({ layer, map: Math.floor(at / (height * width)), y: Math.floor(place / width), x: place % width });
}

// The value of a map that is under a pointer.
function pointedAt(event, layer, map) {
  const { height, width } = state.layers[layer];
  const box = buttons[layer][map].querySelector("canvas").getBoundingClientRect();
  const place = (share, size) => Math.min(size - 1, Math.max(0, Math.floor(share * size)));
  return {
    layer, map,
    x: place((event.clientX - box.left) / box.width, width),
    y: place((event.clientY - box.top) / box.height, height),
  };
}

function clickMap(event, layer, map) {
  if (event.detail) return select(pointedAt(event, layer, map));
  // A click with the keyboard has no position: keep the selected position, or take the middle.
  const { height, width } = state.layers[layer];
  const same = selected && selected.layer === layer;
  const [y, x] = same ? [selected.y, selected.x] : [Math.floor(height / 2), Math.floor(width / 2)];
  select({ layer, map, y, x });
}

// Beside a mouse: the value that a click would explain.
function showPointedAt(event, layer, map) {
  if (event.pointerType !== "mouse" || !state) return;
  const { y, x } = pointedAt(event, layer, map);
  const value = layer ? valueAt(state.layers[layer], map, y, x) : state.pixels[28 * y + x];
  const readout = $("readout");
  readout.textContent = layer ? formatNumber(value) : value;
  Object.assign(readout.style, { left: `${event.clientX}px`, top: `${event.clientY}px` });
  readout.hidden = false;
}
function hideReadout() {
  $("readout").hidden = true;
}

function moveInMap(event, layer, map) {
  const step = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  }[event.key];
  if (!step || !state) return;
  event.preventDefault();
  const { height, width, maps } = state.layers[layer];
  const position = selected && selected.layer === layer
    ? { ...selected }
    : { layer, map, x: Math.floor(width / 2), y: Math.floor(height / 2) };
  if (event.shiftKey || height * width === 1) {
    position.map = Math.min(maps - 1, Math.max(0, position.map + step[0] + step[1]));
  } else {
    position.x = Math.min(width - 1, Math.max(0, position.x + step[0]));
    position.y = Math.min(height - 1, Math.max(0, position.y + step[1]));
  }
  select(position);
  buttons[layer][position.map].focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !selected) return;
  const button = buttons[selected.layer][selected.map];
  if ($("computation").contains(document.activeElement)) button.focus({ preventScroll: true });
  select(null);
});
