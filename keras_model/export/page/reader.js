// The page: takes a drawing, a picture or a test digit, and shows the prediction and every layer.

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

function readDrawing() {
  paintStrokes();
  if (!strokes.length) return show(null, "");
  updateDrawing();
  show(prepare(drawing, canvas.width, canvas.height), "");
}

// --- the gallery -----------------------------------------------------------------------------------

const gallery = data.gallery.map(({ label, pixels }) => ({ label, pixels: decodePixels(pixels) }));
let chosen = null; // the index of the test digit that is shown
gallery.forEach(({ label }, index) => {
  const button = make("button", { type: "button" }, make("canvas", { width: 28, height: 28 }));
  button.setAttribute("aria-label", `Test digit ${index + 1}: ${label}`);
  button.addEventListener("click", () => chooseTestDigit(index));
  $("gallery").append(button);
});
$("gallery-note").textContent = `Data set: ${data.source}.`;

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
  show(pixels, `Test digit ${index + 1}; its label is ${label}.`, index);
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

// Show a digit of 784 pixels, or none; `testDigit` is its index in the gallery.
function show(pixels, message, testDigit = null) {
  chosen = testDigit;
  [...$("gallery").children].forEach((button, index) => {
    button.setAttribute("aria-pressed", String(index === chosen));
  });
  $("message").textContent = message;
  $("link").disabled = $("png").disabled = !strokes.length;
  $("undo").disabled = !strokes.length;
  state = pixels ? { pixels, ...forward(network, pixels) } : null;
  showAnswer();
  $("layers").hidden = !state;
  if (!state) return select(null);
  drawLayers();
  if (selected) select(isCovering() ? null : selected);
}

function showAnswer() {
  if (!state) {
    $("answer").textContent = "";
    $("runner-up").textContent = "Draw a digit, open a picture, or choose a test digit.";
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
