// The page: takes a drawing, a picture or a test digit, and shows the prediction and every layer.

const data = JSON.parse(document.getElementById("data").textContent);
const { preparation } = data;
const network = loadNetwork(data);
const $ = (id) => document.getElementById(id);

let state = null; // the digit that is shown, and everything that the network computed from it
let selected = null; // { layer, map, y, x }: the value whose computation is shown

window.digitReader = {
  logits: (pixels) => Array.from(forward(network, pixels).logits),
  read: (gray, width, height) => {
    const pixels = prepare(gray, width, height);
    if (!pixels) return null;
    const { probabilities } = forward(network, pixels);
    const digit = probabilities.indexOf(Math.max(...probabilities));
    return { digit, probabilities, pixels: Array.from(pixels) };
  },
};

// --- drawing -------------------------------------------------------------------------------------

const canvas = $("drawing");
const pen = canvas.getContext("2d");
// The canvas has the working size of picture.js, so that a drawing need not be resized.
const PEN_WIDTH = 18;
let strokes = [];
let current = null;
// The drawing as the network reads it. It is not read from the canvas, because some browsers give
// pages white or random pixels: Tor, and Firefox with privacy.resistFingerprinting.
const drawing = new Float64Array(canvas.width * canvas.height);
let drawnPoints = []; // of each stroke, the number of points that are in `drawing`

function setStrokes(others) {
  strokes = others;
  drawing.fill(0);
  drawnPoints = [];
}

// Draw the points that have been added since the last call.
function updateDrawing() {
  strokes.forEach((stroke, index) => {
    for (let at = drawnPoints[index] ?? 0; at < stroke.length; at++) {
      const from = stroke[Math.max(0, at - 1)];
      drawLine(drawing, canvas.width, canvas.height, from, stroke[at], PEN_WIDTH);
    }
    drawnPoints[index] = stroke.length;
  });
}

function paint() {
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.strokeStyle = pen.fillStyle = "#fff";
  pen.lineWidth = PEN_WIDTH;
  pen.lineCap = pen.lineJoin = "round";
  for (const stroke of strokes) {
    // A line of length 0 has no round ends: draw a dot at the start of each stroke.
    pen.beginPath();
    pen.arc(stroke[0].x, stroke[0].y, PEN_WIDTH / 2, 0, 2 * Math.PI);
    pen.fill();
    pen.beginPath();
    pen.moveTo(stroke[0].x, stroke[0].y);
    for (const point of stroke.slice(1)) pen.lineTo(point.x, point.y);
    pen.stroke();
  }
}

function grayOf(context, width, height) {
  const { data: rgba } = context.getImageData(0, 0, width, height); // only of picture files
  const gray = new Float64Array(width * height);
  for (let at = 0; at < gray.length; at++) {
    // ITU-R 601, as in Pillow.
    gray[at] = Math.round(
      0.299 * rgba[4 * at] + 0.587 * rgba[4 * at + 1] + 0.114 * rgba[4 * at + 2],
    );
  }
  return gray;
}

function readDrawing() {
  paint();
  select(null);
  if (!strokes.length) return show(null, "");
  updateDrawing();
  show(prepare(drawing, canvas.width, canvas.height), "");
}

function pointOf(event) {
  const box = canvas.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) / box.width) * canvas.width,
    y: ((event.clientY - box.top) / box.height) * canvas.height,
  };
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button || current) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  current = event.pointerId;
  strokes.push([pointOf(event)]);
  schedule();
});
canvas.addEventListener("pointermove", (event) => {
  if (event.pointerId !== current) return;
  const events = event.getCoalescedEvents?.() ?? [];
  strokes.at(-1)?.push(...(events.length ? events : [event]).map(pointOf));
  schedule();
});
for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, (event) => {
    if (event.pointerId === current) current = null;
  });
}
canvas.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });

// Read at most once per frame, however many points arrive.
let isScheduled = false;
function schedule() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    readDrawing();
  });
}

function undo() {
  setStrokes(strokes.slice(0, -1));
  readDrawing();
}
$("undo").addEventListener("click", undo);
$("clear").addEventListener("click", () => {
  setStrokes([]);
  readDrawing();
});
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") {
    event.preventDefault();
    undo();
  }
});

// --- pictures and gallery --------------------------------------------------------------------------

const MAX_PICTURE_PIXELS = 50e6;
const MAX_PICTURE_SIDE = 1024;

// Whether the browser gives this page the pixels of a canvas. Small changes, which some browsers make
// against tracking, do no harm.
function canReadCanvas() {
  const side = 16;
  const page = make("canvas", { width: side, height: side }).getContext("2d");
  const pattern = page.createImageData(side, side);
  for (let at = 0; at < pattern.data.length; at++) pattern.data[at] = at % 4 === 3 ? 255 : (at * 73) % 256;
  page.putImageData(pattern, 0, 0);
  try {
    const read = page.getImageData(0, 0, side, side).data;
    return read.every((value, at) => Math.abs(value - pattern.data[at]) <= 2);
  } catch {
    return false;
  }
}

async function openPicture(file) {
  setStrokes([]);
  paint();
  select(null);
  if (!canReadCanvas()) {
    return show(
      null,
      "This browser does not let the page read a picture: draw the digit, or open the page in another browser.",
    );
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return show(null, "This file is not a PNG or JPEG picture, or it is damaged.");
  }
  if (bitmap.width * bitmap.height > MAX_PICTURE_PIXELS) {
    return show(null, "This picture has more than 50 million pixels.");
  }
  const scale = Math.min(1, MAX_PICTURE_SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const page = make("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  // Transparent areas become paper: black if the visible part is bright, else white.
  page.drawImage(bitmap, 0, 0, width, height);
  const { data: rgba } = page.getImageData(0, 0, width, height);
  let opacity = 0;
  let brightness = 0;
  for (let at = 0; at < rgba.length; at += 4) {
    opacity += rgba[at + 3];
    brightness += rgba[at + 3] * (0.299 * rgba[at] + 0.587 * rgba[at + 1] + 0.114 * rgba[at + 2]);
  }
  page.fillStyle = opacity && brightness / opacity >= 128 ? "#000" : "#fff";
  page.globalCompositeOperation = "destination-over";
  if (opacity < 255 * width * height) page.fillRect(0, 0, width, height);
  const side = Math.min(canvas.width / width, canvas.height / height);
  pen.imageSmoothingEnabled = true;
  pen.drawImage(
    page.canvas,
    (canvas.width - width * side) / 2, (canvas.height - height * side) / 2,
    width * side, height * side,
  );
  const pixels = prepare(grayOf(page, width, height), width, height);
  show(pixels, pixels ? "" : "This picture has no ink on it.");
}

$("picture").addEventListener("change", (event) => {
  if (event.target.files.length) openPicture(event.target.files[0]);
  event.target.value = "";
});
for (const target of [canvas, document.body]) {
  target.addEventListener("dragover", (event) => {
    event.preventDefault();
    canvas.classList.add("dropping");
  });
}
document.body.addEventListener("dragleave", () => canvas.classList.remove("dropping"));
document.body.addEventListener("drop", (event) => {
  event.preventDefault();
  canvas.classList.remove("dropping");
  if (event.dataTransfer.files.length) openPicture(event.dataTransfer.files[0]);
});

const gallery = data.gallery.map(({ label, pixels }) => ({ label, pixels: decodeBytes(pixels) }));
gallery.forEach(({ label, pixels }, index) => {
  const picture = make("canvas", { width: 28, height: 28 });
  drawMap(picture, pixels, 28, 28, GRAYS);
  const button = make("button", { type: "button" }, picture);
  button.setAttribute("aria-label", `Test digit ${index + 1}: ${label}`);
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => chooseTestDigit(index));
  $("gallery").append(button);
});
$("gallery-note").textContent = `Data set: ${data.source}.`;

function chooseTestDigit(index) {
  setStrokes([]);
  paint();
  const { pixels, label } = gallery[index];
  const small = make("canvas", { width: 28, height: 28 });
  drawMap(small, pixels, 28, 28, GRAYS);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
  select(null);
  show(pixels, `Test digit ${index + 1}; its label is ${label}.`);
  $("gallery").children[index].setAttribute("aria-pressed", "true");
}

// --- the prediction ------------------------------------------------------------------------------------

const rows = Array.from({ length: 10 }, (_, digit) => {
  const fill = make("div");
  const cell = make("td", {}, make("div", { className: "bar" }, fill));
  const head = make("th", { textContent: digit, scope: "row" });
  const share = make("td", { textContent: "–" });
  const row = make("tr", {}, head, cell, share);
  row.dataset.digit = digit;
  $("probabilities").tBodies[0].append(row);
  return { row, fill, share };
});

function show(pixels, message) {
  for (const button of $("gallery").children) button.setAttribute("aria-pressed", "false");
  $("message").textContent = message;
  state = pixels ? { pixels, ...forward(network, pixels) } : null;
  if (!state) {
    $("answer").textContent = "";
    $("runner-up").textContent = "Draw a digit, open a picture, or choose a test digit.";
    for (const { row, fill, share } of rows) {
      row.classList.remove("best");
      fill.style.width = "0";
      share.textContent = "–";
    }
    $("layers").hidden = true;
    return;
  }
  const order = [...state.probabilities.keys()].sort(
    (a, b) => state.probabilities[b] - state.probabilities[a],
  );
  const percent = (digit) => `${(100 * state.probabilities[digit]).toFixed(1)} %`;
  $("answer").textContent = order[0];
  $("runner-up").textContent =
    `Probability ${percent(order[0])}. Runner-up ${order[1]}: ${percent(order[1])}.`;
  rows.forEach(({ row, fill, share }, digit) => {
    row.classList.toggle("best", digit === order[0]);
    fill.style.width = `${100 * state.probabilities[digit]}%`;
    share.textContent = percent(digit);
  });
  $("layers").hidden = false;
  drawLayers();
  if (selected) explain();
}

// --- the layers ------------------------------------------------------------------------------------

// The layers that are shown: the input, then a stage each. Larger maps have larger pictures, and so
// have values that are not many.
const MANY = 100;
const SHOWN = [
  { key: "input", name: "Input", title: "Input: 28×28 pixels", shape: [28, 28, 1], item: "map" },
  ...data.stages,
];
const LAST = SHOWN.length - 1;
const pictureSides = SHOWN.map(({ shape: [height, width, maps] }, layer) => {
  if (layer === 0) return [112, 112];
  if (layer === LAST) return [44, 44];
  const unit = Math.max(height, width);
  const side = unit > 8 ? 56 : unit > 1 ? 36 : maps > MANY ? 20 : 27;
  return [Math.round((side * width) / unit), Math.round((side * height) / unit)];
});
const buttons = SHOWN.map(({ key, name, title, shape, item }, layer) => {
  const group = make("div", { className: "maps" });
  group.dataset.layer = key;
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", title);
  $("layers").append(make("h3", { textContent: title }), group);
  return Array.from({ length: shape[2] }, (_, map) => {
    const picture = make("canvas");
    const [width, height] = pictureSides[layer];
    Object.assign(picture.style, { width: `${width}px`, height: `${height}px` });
    const mark = make("span", { className: "mark" });
    const button = make("button", { type: "button", className: "map" }, picture, mark);
    if (layer === LAST) button.append(make("span", { className: "caption" }));
    button.dataset.map = map;
    button.tabIndex = map ? -1 : 0;
    button.setAttribute("aria-label", `${name}, ${layer === LAST ? `digit ${map}` : `${item} ${map + 1}`}`);
    button.addEventListener("click", (event) => clickMap(event, layer, map));
    button.addEventListener("keydown", (event) => moveInMap(event, layer, map));
    group.append(button);
    return button;
  });
});

function drawLayers() {
  state.layers.forEach((layer, index) => {
    const { height, width } = layer;
    const scale = layer.values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
    buttons[index].forEach((button, map) => {
      const picture = button.querySelector("canvas");
      if (index === 0) {
        drawMap(picture, state.pixels, 28, 28, GRAYS);
      } else {
        const offset = map * height * width;
        drawMap(picture, layer.values, height, width, SIGNED_COLORS, { offset, scale, zero: 255 });
      }
      if (index === LAST) {
        button.querySelector(".caption").textContent = `${map}: ${layer.values[map].toFixed(2)}`;
      }
    });
  });
}

function select(position) {
  for (const button of document.querySelectorAll(".map.selected")) button.classList.remove("selected");
  selected = position;
  if (!position) return $("computation").replaceChildren();
  const button = buttons[position.layer][position.map];
  placeComputation(button);
  for (const other of buttons[position.layer]) other.tabIndex = other === button ? 0 : -1;
  button.classList.add("selected");
  const { height, width } = state.layers[position.layer];
  const [pictureWidth, pictureHeight] = pictureSides[position.layer];
  const [pixelWidth, pixelHeight] = [pictureWidth / width, pictureHeight / height];
  Object.assign(button.querySelector(".mark").style, {
    left: `${position.x * pixelWidth - 1}px`, top: `${position.y * pixelHeight - 1}px`,
    width: `${pixelWidth + 2}px`, height: `${pixelHeight + 2}px`,
  });
  explain();
}

// On a narrow screen, the computation is below the layer of its value, which stays where it is.
const isNarrow = matchMedia("(max-width: 900px)");
function placeComputation(button) {
  const panel = $("computation");
  const place = isNarrow.matches ? button.parentElement : $("layers");
  if (place.nextElementSibling === panel) return;
  const before = button.getBoundingClientRect().top;
  place.after(panel);
  scrollBy({ top: button.getBoundingClientRect().top - before, behavior: "instant" });
}
isNarrow.addEventListener("change", () => {
  if (selected) placeComputation(buttons[selected.layer][selected.map]);
});

function clickMap(event, layer, map) {
  const { height, width } = state.layers[layer];
  const box = buttons[layer][map].querySelector("canvas").getBoundingClientRect();
  // A click with the keyboard has no position: keep the selected position, or take the middle.
  const isKeyboard = event.detail === 0;
  const place = (share, size) => Math.min(size - 1, Math.max(0, Math.floor(share * size)));
  const same = selected && selected.layer === layer;
  select({
    layer, map,
    x: isKeyboard ? (same ? selected.x : Math.floor(width / 2)) : place((event.clientX - box.left) / box.width, width),
    y: isKeyboard ? (same ? selected.y : Math.floor(height / 2)) : place((event.clientY - box.top) / box.height, height),
  });
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

// --- the computation of the selected value -----------------------------------------------------------

function explain() {
  const { layer: index, map, y, x } = selected;
  const layer = state.layers[index];
  const value = valueAt(layer, map, y, x);
  const position = layer.height * layer.width > 1 ? `, row ${y + 1}, column ${x + 1}` : "";
  const name = index === LAST ? `digit ${map}` : `${SHOWN[index].item} ${map + 1}`;
  const panel = $("computation");
  panel.replaceChildren(make("h3", { textContent: `${SHOWN[index].name}, ${name}${position}` }));
  const { lines, details } = index === 0
    ? { lines: explainPixel(state.pixels[y * 28 + x], value), details: [] }
    : explainValue(layer, map, y, x);
  if (index === LAST) lines.push(explainProbability(map, value));
  panel.append(...lines.map((text) => make("p", { className: "formula", textContent: text })), ...details);
}

function explainPixel(pixel, value) {
  const { divisor, mean, deviation } = data.scaling;
  const lines = [`pixel = ${pixel} (0 is paper, 255 is ink)`];
  const share = divisor === 1 ? `${pixel}` : `${pixel}/${divisor}`;
  const formula = mean === 0 && deviation === 1 ? share : `(${share} − ${mean})/${deviation}`;
  if (formula !== `${pixel}`) lines.push(`normalized = ${formula} = ${formatNumber(value)}`);
  return lines;
}

function explainProbability(digit, logit) {
  const percent = `${(100 * state.probabilities[digit]).toFixed(2)} %`;
  if (network.output === "sigmoid") return `probability (sigmoid) = 1 / (1 + exp(−logit)) = ${percent}`;
  const total = state.logits.reduce((sum, other) => sum + Math.exp(other), 0);
  return (
    `probability (softmax) = exp(logit) / (sum of exp over all ten logits) = exp(${formatNumber(logit)}) / ` +
    `${formatNumber(total)} = ${percent}`
  );
}

paint();
chooseTestDigit(0);
$("not-running").remove();
