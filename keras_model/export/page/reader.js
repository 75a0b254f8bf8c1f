// The page: takes a drawing, a picture or a test digit, and shows the prediction and every layer.

const bestOf = (probabilities) => probabilities.indexOf(Math.max(...probabilities));

window.digitReader = {
  logits: (pixels) => Array.from(forward(network, pixels).logits),
  // The digits of a picture of three bytes per pixel.
  readAll: (rgb, width, height) =>
    findDigits({ rgb, width, height }).map((found) => {
      const { probabilities, layers } = forward(network, found.pixels);
      const doubt = doubtOf({ ...found, probabilities, layers });
      return { ...found, digit: bestOf(probabilities), probabilities, pixels: Array.from(found.pixels), doubt };
    }),
  // The first digit of a gray picture.
  read: (gray, width, height) => {
    const rgb = Uint8Array.from({ length: 3 * width * height }, (_, at) => gray[Math.floor(at / 3)]);
    return digitReader.readAll(rgb, width, height)[0] ?? null;
  },
};

function readDrawing() {
  paintStrokes();
  if (!strokes.length) return show();
  updateDrawing();
  show({
    digits: digitsOfDrawing(drawing, canvas.width, canvas.height),
    place: { scale: 1, left: 0, top: 0 },
  });
}

// --- the gallery -----------------------------------------------------------------------------------

const gallery = data.gallery.map(({ label, pixels }) => ({ label, pixels: decodePixels(pixels) }));
const LEAST_SAMPLE = 42; // pixels, for a finger
let chosen = null; // the index of the test digit that is shown
gallery.forEach(({ label }, index) => {
  const button = make("button", { type: "button" }, make("canvas", { width: 28, height: 28 }));
  button.setAttribute("aria-label", `Test digit ${index + 1}: ${label}`);
  button.addEventListener("click", () => chooseTestDigit(index));
  button.addEventListener("keydown", (event) => moveInGallery(event, index));
  $("gallery").append(button);
});
keepBalanced($("gallery"), LEAST_SAMPLE);
$("gallery-note").textContent = `Data set: ${data.source}.`;

// The gallery is one stop of the Tab key; the arrow keys choose another digit.
function moveInGallery(event, index) {
  const columns = getComputedStyle($("gallery")).gridTemplateColumns.split(" ").length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  if (!step) return;
  event.preventDefault();
  if (!gallery[index + step]) return;
  chooseTestDigit(index + step);
  $("gallery").children[index + step].focus();
}

function drawGallery() {
  gallery.forEach(({ pixels }, index) => {
    drawPixels($("gallery").children[index].firstChild, pixels, 28, 28);
  });
}

function paintTestDigit() {
  const small = make("canvas");
  drawPixels(small, gallery[chosen].pixels, 28, 28);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
}

function chooseTestDigit(index) {
  setStrokes([]);
  const { pixels, label } = gallery[index];
  show({ digits: [{ pixels }], message: `Test digit ${index + 1}; its label is ${label}.`, testDigit: index });
  paintTestDigit();
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

// Show digits of 784 pixels, or none. `testDigit` is the index of the gallery's; `place` says where a
// picture is on the canvas.
const MAX_READINGS = 40;
function show({ digits = [], message = "", testDigit = null, place = null } = {}) {
  chosen = testDigit;
  [...$("gallery").children].forEach((button, index) => {
    button.setAttribute("aria-pressed", String(index === chosen));
    button.tabIndex = index === (chosen ?? 0) ? 0 : -1;
  });
  const others = digits.length > MAX_READINGS ? ` The first ${MAX_READINGS} of ${digits.length} digits are read.` : "";
  $("message").textContent = message + others;
  $("link").disabled = $("png").disabled = $("undo").disabled = !strokes.length;
  readings = digits.slice(0, MAX_READINGS).map((digit) => ({ ...digit, ...forward(network, digit.pixels) }));
  frameDigits(place);
  showReading(0);
}

// Frame the digits on the canvas, and make a button for each of several.
function frameDigits(place) {
  const several = readings.length > 1 ? readings : [];
  const percent = (length) => `${(100 * length) / canvas.width}%`;
  $("boxes").replaceChildren(...several.map(({ box }) => {
    const frame = make("span");
    Object.assign(frame.style, {
      left: percent(place.left + place.scale * box.left),
      top: percent(place.top + place.scale * box.top),
      width: percent(place.scale * (box.right - box.left)),
      height: percent(place.scale * (box.bottom - box.top)),
    });
    return frame;
  }));
  $("digits").replaceChildren(...several.map((reading, index) => {
    const picture = make("canvas");
    drawPixels(picture, reading.pixels, 28, 28);
    const doubt = doubtOf(reading);
    const digit = bestOf(reading.probabilities);
    const button = make("button", { type: "button" }, picture, `${digit}${doubt ? "?" : ""}`);
    button.setAttribute("aria-label", `Digit ${index + 1}: ${digit}${doubt && `, ${doubt}`}`);
    button.addEventListener("click", () => showReading(index));
    return button;
  }));
}

let cleared = null; // what was selected before the page had no digit
function showReading(index) {
  state = readings[index] ?? null;
  [...$("digits").children].forEach((button, at) => button.setAttribute("aria-pressed", String(at === index)));
  [...$("boxes").children].forEach((frame, at) => frame.classList.toggle("shown", at === index));
  showAnswer();
  $("layers").hidden = !state;
  if (!state) {
    cleared ??= selected;
    return select(null);
  }
  drawLayers();
  // On a phone, the computation would cover the drawing.
  const position = selected ?? cleared;
  cleared = null;
  if (position) select(isCovering() ? null : position);
}

function showAnswer() {
  const doubt = state ? doubtOf(state) : "";
  $("doubt").textContent = doubt;
  $("answer").classList.toggle("unsure", doubt !== "");
  if (!state) {
    $("answer").textContent = "";
    $("runner-up").textContent = "Draw a digit, open, drop or paste a picture, or choose a test digit.";
    for (const { row, fill, share } of rows) {
      row.classList.remove("best");
      fill.style.width = "0";
      share.textContent = "–";
    }
    return;
  }
  const { probabilities } = state;
  const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  const percent = (digit) => `${(100 * probabilities[digit]).toFixed(1)} %`;
  $("answer").textContent = order[0];
  $("runner-up").replaceChildren(
    make("strong", { textContent: percent(order[0]) }), `runner-up ${order[1]}: ${percent(order[1])}`);
  rows.forEach(({ row, fill, share }, digit) => {
    row.classList.toggle("best", digit === order[0]);
    fill.style.width = `${100 * probabilities[digit]}%`;
    share.textContent = percent(digit);
  });
}

// --- the start -----------------------------------------------------------------------------------------

function recolor() {
  readColors();
  drawGallery();
  drawLegend();
  if (strokes.length) paintStrokes();
  else if (chosen !== null) paintTestDigit();
  if (!state) return;
  drawLayers();
  if (selected) explain();
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolor);

drawGallery();
drawLegend();
explainNothing();
if (!readLink()) chooseTestDigit(0);
if (state && !isCovering()) selectLargest(1);
$("not-running").remove();
