// Picture files: chosen, dropped, or taken with the camera.

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

// Transparent areas become paper: black if the visible part is bright, else white.
function fillPaper(context, width, height) {
  const { data: rgba } = context.getImageData(0, 0, width, height);
  let opacity = 0;
  let brightness = 0;
  for (let at = 0; at < rgba.length; at += 4) {
    opacity += rgba[at + 3];
    brightness += rgba[at + 3] * (0.299 * rgba[at] + 0.587 * rgba[at + 1] + 0.114 * rgba[at + 2]);
  }
  if (opacity >= 255 * width * height) return;
  context.fillStyle = opacity && brightness / opacity >= 128 ? "#000" : "#fff";
  context.globalCompositeOperation = "destination-over";
  context.fillRect(0, 0, width, height);
}

async function openPicture(file) {
  setStrokes([]);
  paintStrokes();
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
    return show(null, "This file is no picture that this browser can read, or it is damaged.");
  }
  if (bitmap.width * bitmap.height > MAX_PICTURE_PIXELS) {
    return show(null, "This picture has more than 50 million pixels.");
  }
  const scale = Math.min(1, MAX_PICTURE_SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const context = make("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, width, height);
  fillPaper(context, width, height);
  const side = Math.min(canvas.width / width, canvas.height / height);
  paintPaper();
  pen.imageSmoothingEnabled = true;
  pen.drawImage(
    context.canvas,
    (canvas.width - width * side) / 2, (canvas.height - height * side) / 2,
    width * side, height * side,
  );
  const pixels = prepare(grayOf(context, width, height), width, height);
  show(pixels, pixels ? "" : "This picture has no ink on it.");
}

for (const id of ["picture", "photo"]) {
  $(id).addEventListener("change", (event) => {
    if (event.target.files.length) openPicture(event.target.files[0]);
    event.target.value = "";
  });
}
document.body.addEventListener("dragover", (event) => {
  event.preventDefault();
  canvas.classList.add("dropping");
});
document.body.addEventListener("dragleave", () => canvas.classList.remove("dropping"));
document.body.addEventListener("drop", (event) => {
  event.preventDefault();
  canvas.classList.remove("dropping");
  if (event.dataTransfer.files.length) openPicture(event.dataTransfer.files[0]);
});
