// The drawing area: strokes of a mouse, a finger or a pen, and their pixels.

const canvas = $("drawing");
const pen = canvas.getContext("2d");
const PEN_WIDTH = 18;
let strokes = []; // of points { x, y }, in pixels of the canvas
let current = null; // the pointer that draws
// The drawing as the network reads it: 255 is ink. It is not read from the canvas, because some
// browsers give pages white or random pixels: Tor, and Firefox with privacy.resistFingerprinting.
const drawing = new Float64Array(canvas.width * canvas.height);
let drawnPoints = []; // of each stroke, the number of points that are in `drawing`

// Draw a line with round ends into a picture, in ink of 255 on 0. A pixel at the edge of the line gets
// as much ink as the line covers of it, about as on a canvas.
function drawLine(pixels, width, height, from, to, lineWidth) {
  const reach = lineWidth / 2 + 0.5; // from the line to the centers of the last pixels that it touches
  const [across, down] = [to.x - from.x, to.y - from.y];
  const length2 = across ** 2 + down ** 2;
  const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - reach));
  const right = Math.min(width, Math.ceil(Math.max(from.x, to.x) + reach));
  const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - reach));
  const bottom = Math.min(height, Math.ceil(Math.max(from.y, to.y) + reach));
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const [u, v] = [x + 0.5 - from.x, y + 0.5 - from.y];
      // The nearest point of the line is this share of its length away from its start.
      const share = length2 ? Math.min(1, Math.max(0, (u * across + v * down) / length2)) : 0;
      const distance = Math.sqrt((u - share * across) ** 2 + (v - share * down) ** 2);
      const ink = Math.round(255 * Math.min(1, reach - distance));
      const at = y * width + x;
      if (ink > pixels[at]) pixels[at] = ink;
    }
  }
}

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

function paintPaper() {
  pen.fillStyle = `rgb(${scales.grays[0]})`;
  pen.fillRect(0, 0, canvas.width, canvas.height);
}

function paintStrokes() {
  paintPaper();
  pen.strokeStyle = pen.fillStyle = `rgb(${scales.grays[255]})`;
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
