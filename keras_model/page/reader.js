// The page: drawing, gallery and pictures in; the answer and every layer out.

const data = JSON.parse(document.getElementById("data").textContent);
const network = loadNetwork(data);
const $ = (id) => document.getElementById(id);
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const number = (value) => {
  if (value === 0) return "0";
  return Math.abs(value) >= 0.001 ? value.toFixed(4) : value.toExponential(2);
};

let state = null; // what the network computed of the digit that is shown
let chosen = null; // { layer, map, y, x }: the value whose computation is shown

window.digitReader = {
  logits: (pixels) => Array.from(forward(network, pixels).logits),
  read: (grey, width, height) => {
    const pixels = prepare(grey, width, height);
    if (!pixels) return null;
    const { probabilities } = forward(network, pixels);
    const digit = probabilities.indexOf(Math.max(...probabilities));
    return { digit, probabilities, pixels: Array.from(pixels) };
  },
};

// --- drawing -------------------------------------------------------------------------------------

const canvas = $("drawing");
const pen = canvas.getContext("2d", { willReadFrequently: true });
// The canvas has the size that digits are prepared at, so that a drawing is read without shrinking.
const PEN_WIDTH = 18;
let strokes = [];
let current = null;

function paint() {
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.strokeStyle = pen.fillStyle = "#fff";
  pen.lineWidth = PEN_WIDTH;
  pen.lineCap = pen.lineJoin = "round";
  for (const stroke of strokes) {
    // A line of no length has no end caps: the dot is drawn by itself.
    pen.beginPath();
    pen.arc(stroke[0].x, stroke[0].y, PEN_WIDTH / 2, 0, 2 * Math.PI);
    pen.fill();
    pen.beginPath();
    pen.moveTo(stroke[0].x, stroke[0].y);
    for (const point of stroke.slice(1)) pen.lineTo(point.x, point.y);
    pen.stroke();
  }
}

function greyOf(context, width, height) {
  const { data: rgba } = context.getImageData(0, 0, width, height);
  const grey = new Float64Array(width * height);
  for (let at = 0; at < grey.length; at++) {
    // ITU-R 601, as Pillow converts colours to grey.
    grey[at] = Math.round(
      0.299 * rgba[4 * at] + 0.587 * rgba[4 * at + 1] + 0.114 * rgba[4 * at + 2],
    );
  }
  return grey;
}

function readDrawing() {
  paint();
  choose(null);
  if (!strokes.length) return show(null, "");
  const grey = greyOf(pen, canvas.width, canvas.height);
  show(prepare(grey, canvas.width, canvas.height), "");
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
  strokes.at(-1).push(...(events.length ? events : [event]).map(pointOf));
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
  strokes.pop();
  readDrawing();
}
$("undo").addEventListener("click", undo);
$("clear").addEventListener("click", () => {
  strokes = [];
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

async function openPicture(file) {
  strokes = [];
  paint();
  choose(null);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return show(null, "This is not a picture (PNG or JPEG), or it is damaged.");
  }
  if (bitmap.width * bitmap.height > MAX_PICTURE_PIXELS) {
    return show(null, "This picture has more than 50 million pixels.");
  }
  const scale = Math.min(1, MAX_PICTURE_SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const page = make("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  // What is transparent is paper: dark if the visible part is bright.
  page.drawImage(bitmap, 0, 0, width, height);
  const { data: rgba } = page.getImageData(0, 0, width, height);
  let opacity = 0;
  let shade = 0;
  for (let at = 0; at < rgba.length; at += 4) {
    opacity += rgba[at + 3];
    shade += rgba[at + 3] * (0.299 * rgba[at] + 0.587 * rgba[at + 1] + 0.114 * rgba[at + 2]);
  }
  page.fillStyle = opacity && shade / opacity >= 128 ? "#000" : "#fff";
  page.globalCompositeOperation = "destination-over";
  if (opacity < 255 * width * height) page.fillRect(0, 0, width, height);
  const side = Math.min(canvas.width / width, canvas.height / height);
  pen.imageSmoothingEnabled = true;
  pen.drawImage(
    page.canvas,
    (canvas.width - width * side) / 2, (canvas.height - height * side) / 2,
    width * side, height * side,
  );
  const pixels = prepare(greyOf(page, width, height), width, height);
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
  drawMap(picture, pixels, 28, (value) => [value, value, value]);
  const button = make("button", { type: "button" }, picture);
  button.setAttribute("aria-label", `Test digit ${index + 1}, a ${label}`);
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => chooseTestDigit(index));
  $("gallery").append(button);
});
$("gallery-note").textContent = `${gallery.length} digits of: ${data.source}.`;

function chooseTestDigit(index) {
  strokes = [];
  paint();
  const { pixels, label } = gallery[index];
  const small = make("canvas", { width: 28, height: 28 });
  drawMap(small, pixels, 28, (value) => [value, value, value]);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
  choose(null);
  show(pixels, `Test digit ${index + 1}; its label is ${label}.`);
  $("gallery").children[index].setAttribute("aria-pressed", "true");
}

// --- the answer ------------------------------------------------------------------------------------

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
  if (chosen) explain();
}

// --- the layers ------------------------------------------------------------------------------------

const TITLES = [
  "Input: the 28×28 pixels that the network sees",
  "Convolution 1: 16 maps of 28×28",
  "Pooling 1: 16 maps of 14×14",
  "Convolution 2: 32 maps of 14×14",
  "Pooling 2: 32 maps of 3×3",
  "Convolution 3: 50 maps of 3×3",
  "Pooling 3: 50 values",
  "Ten logits, one per digit",
];
const NAMES = [
  "input", "convolution 1", "pooling 1", "convolution 2", "pooling 2", "convolution 3", "pooling 3",
  "logits",
];
const LAYERS = ["input", "conv1", "pool1", "conv2", "pool2", "conv3", "pool3", "logits"];
const SIDES = [112, 56, 56, 56, 27, 27, 27, 44];
const buttons = TITLES.map((title, layer) => {
  const maps = layer === 0 ? 1 : [16, 16, 32, 32, 50, 50, 10][layer - 1];
  const group = make("div", { className: "maps" });
  group.dataset.layer = LAYERS[layer];
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", title);
  $("layers").append(make("h3", { textContent: title }), group);
  return Array.from({ length: maps }, (_, map) => {
    const picture = make("canvas");
    picture.style.width = picture.style.height = `${SIDES[layer]}px`;
    const mark = make("span", { className: "mark" });
    const button = make("button", { type: "button", className: "map" }, picture, mark);
    if (layer === 7) button.append(make("span", { className: "caption" }));
    button.dataset.map = map;
    button.tabIndex = map ? -1 : 0;
    button.setAttribute("aria-label", `${NAMES[layer]}, ${layer === 7 ? "digit" : "map"} ${
      layer === 7 ? map : map + 1}`);
    button.addEventListener("click", (event) => clickMap(event, layer, map));
    button.addEventListener("keydown", (event) => moveInMap(event, layer, map));
    group.append(button);
    return button;
  });
});

// Blue for negative, orange for positive, black in between: colours that colour-blind people can
// tell apart.
function signedColour(value, most) {
  const strength = Math.min(1, Math.abs(value) / most) ** 0.7;
  const [red, green, blue] = value > 0 ? [255, 170, 60] : [70, 150, 255];
  return [red * strength, green * strength, blue * strength];
}

function drawMap(picture, values, side, colour, offset = 0) {
  picture.width = picture.height = side;
  const context = picture.getContext("2d");
  const image = context.createImageData(side, side);
  for (let at = 0; at < side * side; at++) {
    const [red, green, blue] = colour(values[offset + at]);
    image.data.set([red, green, blue, 255], 4 * at);
  }
  context.putImageData(image, 0, 0);
}

function drawLayers() {
  state.layers.forEach((layer, index) => {
    const most = layer.values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
    buttons[index].forEach((button, map) => {
      const picture = button.querySelector("canvas");
      if (index === 0) {
        drawMap(picture, state.pixels, 28, (value) => [value, value, value]);
      } else {
        const offset = map * layer.side * layer.side;
        drawMap(picture, layer.values, layer.side, (value) => signedColour(value, most), offset);
      }
      if (index === 7) {
        button.querySelector(".caption").textContent = `${map}: ${layer.values[map].toFixed(2)}`;
      }
    });
  });
}

function choose(place) {
  for (const button of document.querySelectorAll(".map.chosen")) button.classList.remove("chosen");
  chosen = place;
  if (!place) return $("computation").replaceChildren();
  const button = buttons[place.layer][place.map];
  for (const other of buttons[place.layer]) other.tabIndex = other === button ? 0 : -1;
  button.classList.add("chosen");
  const size = SIDES[place.layer] / state.layers[place.layer].side;
  Object.assign(button.querySelector(".mark").style, {
    left: `${place.x * size - 1}px`, top: `${place.y * size - 1}px`,
    width: `${size + 2}px`, height: `${size + 2}px`,
  });
  explain();
}

function clickMap(event, layer, map) {
  const { side } = state.layers[layer];
  const box = buttons[layer][map].querySelector("canvas").getBoundingClientRect();
  // A click from the keyboard has no place: keep the value, or take the one in the middle.
  const isKeyboard = event.detail === 0;
  const limit = (value) => Math.min(side - 1, Math.max(0, Math.floor(value)));
  const same = chosen && chosen.layer === layer;
  const middle = Math.floor(side / 2);
  choose({
    layer, map,
    x: isKeyboard ? (same ? chosen.x : middle) : limit(((event.clientX - box.left) / box.width) * side),
    y: isKeyboard ? (same ? chosen.y : middle) : limit(((event.clientY - box.top) / box.height) * side),
  });
}

function moveInMap(event, layer, map) {
  const step = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  }[event.key];
  if (!step || !state) return;
  event.preventDefault();
  const { side, maps } = state.layers[layer];
  const place = chosen && chosen.layer === layer
    ? { ...chosen }
    : { layer, map, x: Math.floor(side / 2), y: Math.floor(side / 2) };
  if (event.shiftKey || side === 1) {
    place.map = Math.min(maps - 1, Math.max(0, place.map + step[0] + step[1]));
  } else {
    place.x = Math.min(side - 1, Math.max(0, place.x + step[0]));
    place.y = Math.min(side - 1, Math.max(0, place.y + step[1]));
  }
  choose(place);
  buttons[layer][place.map].focus();
}

// --- the computation of one value --------------------------------------------------------------------

function grid(values, columns) {
  const body = make("tbody");
  for (let at = 0; at < values.length; at += columns) {
    const cells = values.slice(at, at + columns).map((value) =>
      make("td", { textContent: number(value), className: value < 0 ? "negative" : "" }),
    );
    body.append(make("tr", {}, ...cells));
  }
  return make("table", {}, body);
}

function explain() {
  const { layer: index, map, y, x } = chosen;
  const layer = state.layers[index];
  const value = layer.values[(map * layer.side + y) * layer.side + x];
  const place = layer.side > 1 ? `, row ${y + 1}, column ${x + 1}` : "";
  const name = index === 7 ? `digit ${map}` : `map ${map + 1}`;
  const panel = $("computation");
  panel.replaceChildren(make("h3", { textContent: `${NAMES[index]}, ${name}${place}` }));
  const line = (text) => panel.append(make("p", { className: "formula", textContent: text }));
  if (layer.kind === "input") {
    line(`pixel = ${state.pixels[y * 28 + x]} (0 is paper, 255 is ink)`);
    line(`normalised = (${state.pixels[y * 28 + x]}/255 − ${data.mean})/${data.deviation} = ${number(value)}`);
  } else if (layer.kind === "convolution") {
    explainConvolution(layer, map, y, x, value, line, panel);
  } else if (layer.kind === "pooling") {
    const { before, pool } = layer;
    const window = [];
    for (let i = 0; i < pool; i++) {
      for (let j = 0; j < pool && before.side > 1; j++) {
        const row = y * pool + i;
        const column = x * pool + j;
        window.push(before.values[(map * before.side + row) * before.side + column]);
      }
    }
    line(`The largest value of a ${pool}×${pool} window:`);
    panel.append(grid(window, pool));
    line(`max = ${number(value)}`);
  } else {
    explainLogit(layer, map, value, line, panel);
  }
}

function explainConvolution(layer, map, y, x, value, line, panel) {
  const { before, convolution } = layer;
  const { channels, filters, kernel, scale, shift } = convolution;
  let total = 0;
  const blocks = Array.from({ length: channels }, (_, channel) => {
    const window = [];
    const weights = [];
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        const row = y + i - 1;
        const column = x + j - 1;
        const inside = row >= 0 && column >= 0 && row < before.side && column < before.side;
        window.push(inside ? before.values[(channel * before.side + row) * before.side + column] : 0);
        weights.push(kernel[((i * 3 + j) * channels + channel) * filters + map]);
      }
    }
    const products = window.map((input, at) => input * weights[at]);
    const sum = products.reduce((a, b) => a + b, 0);
    total += sum;
    const label = channels > 1 ? `map ${channel + 1}: ` : "";
    return make("div", { className: "windows" },
      grid(window, 3), "×", grid(weights, 3), "=", grid(products, 3),
      make("span", { className: "formula", textContent: `${label}sum ${number(sum)}` }));
  });
  const rectified = Math.max(total, 0);
  line(`sum of all products = ${number(total)}`);
  line(`ReLU: max(0, ${number(total)}) = ${number(rectified)}`);
  line(
    `normalisation: ${number(rectified)} × ${number(scale[map])} + (${number(shift[map])}) = ` +
      `${number(value)}`,
  );
  line(
    channels > 1
      ? `Window × kernel = products, for each of the ${channels} maps of the layer before:`
      : "Window × kernel = products:",
  );
  panel.append(...blocks);
}

function explainLogit(layer, digit, value, line, panel) {
  const { before } = layer;
  const body = make("tbody");
  body.append(make("tr", {}, ...["map", "value", "× weight", "= product"].map((text) =>
    make("th", { textContent: text, scope: "col" }))));
  before.values.forEach((input, at) => {
    const weight = network.dense[at * 10 + digit];
    body.append(make("tr", {}, ...[`${at + 1}`, number(input), number(weight), number(input * weight)].map(
      (text) => make("td", { textContent: text }))));
  });
  line(`logit = sum of the 50 products = ${number(value)}`);
  const total = state.logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  line(
    `probability (softmax) = exp(${number(value)}) / ${number(total)} = ` +
      `${(100 * state.probabilities[digit]).toFixed(2)} %; ${number(total)} is the sum of exp over ` +
      "all ten logits",
  );
  panel.append(make("table", {}, body));
}

paint();
chooseTestDigit(0);
