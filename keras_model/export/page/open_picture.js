// Picture files: chosen, dropped, or taken with the camera.

const MAX_PICTURE_PIXELS = 120e6;
const MAX_PICTURE_SIDE = 2048; // more is not looked at

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

// The pixels of a picture, { rgb, width, height }, and a canvas with it.
function pixelsOf(bitmap) {
  const [width, height] = thumbnailSize(bitmap.width, bitmap.height, MAX_PICTURE_SIDE);
  const context = make("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  fillPaper(context, width, height);
  const { data: rgba } = context.getImageData(0, 0, width, height); // only of picture files
  const rgb = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    rgb[to++] = rgba[from];
    rgb[to++] = rgba[from + 1];
    rgb[to++] = rgba[from + 2];
  }
  return { rgb, width, height, source: context.canvas };
}

let opened = 0; // how many files have been opened, so that only the last one is shown

async function openPicture(file) {
  const number = ++opened;
  setStrokes([]);
  paintStrokes();
  if (!canReadCanvas()) {
    return show({
      message: "This browser does not let the page read a picture: draw the digit, or open the page in another browser.",
    });
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    if (number !== opened) return;
    return show({ message: "This file is no picture that this browser can read, or it is damaged." });
  }
  if (bitmap.width * bitmap.height > MAX_PICTURE_PIXELS) {
    return show({ message: "This picture has more than 120 million pixels." });
  }
  if (number !== opened || strokes.length) return bitmap.close();
  const picture = pixelsOf(bitmap);
  bitmap.close();
  const { width, height } = picture;
  const scale = Math.min(canvas.width / width, canvas.height / height);
  const place = { scale, left: (canvas.width - width * scale) / 2, top: (canvas.height - height * scale) / 2 };
  paintPaper();
  pen.imageSmoothingEnabled = true;
  pen.imageSmoothingQuality = "high"; // a photograph is many times as large as the canvas
  pen.drawImage(picture.source, place.left, place.top, width * scale, height * scale);
  await new Promise((painted) => setTimeout(painted));
  if (number !== opened || strokes.length) return;
  const digits = findDigits(picture);
  show({ digits, place, message: digits.length ? "" : "This picture has no digit on it." });
}

for (const id of ["picture", "photo"]) {
  $(id).addEventListener("change", (event) => {
    if (event.target.files.length) openPicture(event.target.files[0]);
    event.target.value = "";
  });
}
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
  if (!file) return;
  event.preventDefault();
  openPicture(file);
});
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
