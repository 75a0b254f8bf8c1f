// Keeping a drawing: as a link to this page, whose fragment has the strokes, and as a PNG.
//
// A link is text of anyone. It has a bounded length, every point of it is on the canvas, and what is
// not a drawing is refused as a whole.

const LINK_KEY = "d=";
const MAX_LINK = 6000; // characters of the fragment
const MAX_STROKES = 200;
const MAX_POINTS = 4000;
const TO_LINK = { "+": "-", "/": "_", "=": "" };

// The points of a stroke without those that are nearer than `tolerance` to the line between the others
// (D. Douglas, T. Peucker, Cartographica 10, 1973).
function simplify(points, tolerance) {
  const kept = new Set([0, points.length - 1]);
  const parts = [[0, points.length - 1]];
  while (parts.length) {
    const [first, last] = parts.pop();
    const [from, to] = [points[first], points[last]];
    const [across, down] = [to.x - from.x, to.y - from.y];
    const length2 = across ** 2 + down ** 2;
    let [farthest, most] = [0, tolerance ** 2];
    for (let at = first + 1; at < last; at++) {
      const [u, v] = [points[at].x - from.x, points[at].y - from.y];
      const share = length2 ? Math.min(1, Math.max(0, (u * across + v * down) / length2)) : 0;
      const distance2 = (u - share * across) ** 2 + (v - share * down) ** 2;
      if (distance2 > most) [farthest, most] = [at, distance2];
    }
    if (farthest) {
      kept.add(farthest);
      parts.push([first, farthest], [farthest, last]);
    }
  }
  return points.filter((_, at) => kept.has(at));
}

// Whole numbers from 0 up, seven bits per byte; the eighth is set where another byte follows.
function writeNumber(bytes, number) {
  let rest = number;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
}

function readNumber(bytes, place) {
  let number = 0;
  for (let shift = 0; shift < 21; shift += 7) {
    if (place.at >= bytes.length) throw new RangeError("the link is cut off");
    const byte = bytes[place.at++];
    number |= (byte & 127) << shift;
    if (byte < 128) return number;
  }
  throw new RangeError("too large a number");
}

const toEven = (number) => (number < 0 ? -2 * number - 1 : 2 * number); // 0, -1, 1, -2, 2, …
const fromEven = (number) => (number % 2 ? -(number + 1) / 2 : number / 2);

// Each stroke is its number of points and their steps, the first from the stroke before.
function strokesToText(all) {
  const bytes = [];
  let [x, y] = [0, 0];
  for (const stroke of all) {
    writeNumber(bytes, stroke.length);
    for (const point of stroke) {
      const [nextX, nextY] = [point.x, point.y].map(Math.round);
      writeNumber(bytes, toEven(nextX - x));
      writeNumber(bytes, toEven(nextY - y));
      [x, y] = [nextX, nextY];
    }
  }
  return btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (character) => TO_LINK[character]);
}

function strokesFromText(text) {
  if (!/^[\w-]+$/.test(text) || text.length > MAX_LINK) throw new RangeError("not a link of a drawing");
  const base64 = text.replace(/-/g, "+").replace(/_/g, "/");
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const place = { at: 0 };
  const result = [];
  let count = 0;
  let [x, y] = [0, 0];
  while (place.at < bytes.length) {
    const length = readNumber(bytes, place);
    count += length;
    if (!length || count > MAX_POINTS || result.length === MAX_STROKES) throw new RangeError("too many points");
    result.push(Array.from({ length }, () => {
      x += fromEven(readNumber(bytes, place));
      y += fromEven(readNumber(bytes, place));
      // A stroke may leave the canvas, and come back.
      if (Math.abs(x) > 2 * canvas.width || Math.abs(y) > 2 * canvas.height) throw new RangeError("too far away");
      return { x, y };
    }));
  }
  return result;
}

// The fragment of a drawing. A long one is simplified until it is short enough.
function fragmentOf(all) {
  const inside = (value, size) => Math.min(2 * size, Math.max(-2 * size, value));
  const bounded = all.slice(-MAX_STROKES).map((stroke) =>
    stroke.map(({ x, y }) => ({ x: inside(x, canvas.width), y: inside(y, canvas.height) })));
  for (let tolerance = 0.75; ; tolerance *= 1.6) {
    const simple = bounded.map((stroke) => simplify(stroke, tolerance));
    const count = simple.reduce((sum, { length }) => sum + length, 0);
    const text = count <= MAX_POINTS ? strokesToText(simple) : "";
    if (text && text.length <= MAX_LINK) return LINK_KEY + text;
  }
}

// --- PNG ---------------------------------------------------------------------------------------------

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, number) => {
  let value = number;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function pngChunk(name, content) {
  const chunk = new Uint8Array(content.length + 12);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, content.length);
  chunk.set([...name].map((character) => character.charCodeAt(0)), 4);
  chunk.set(content, 8);
  let crc = 0xffffffff;
  for (let at = 4; at < content.length + 8; at++) crc = CRC_TABLE[(crc ^ chunk[at]) & 255] ^ (crc >>> 8);
  view.setUint32(content.length + 8, ~crc >>> 0);
  return chunk;
}

// A gray PNG (ISO/IEC 15948) of ink from 0 to 255, dark on white. It is written here and not by the
// canvas, whose pixels some browsers change.
async function pngOf(ink, width, height) {
  const rows = new Uint8Array(height * (width + 1)); // each after a byte 0: not filtered
  for (let at = 0; at < ink.length; at++) rows[at + Math.floor(at / width) + 1] = 255 - ink[at];
  const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, width);
  new DataView(header.buffer).setUint32(4, height);
  header.set([8, 0, 0, 0, 0], 8); // bits, gray, compression, filter, not interlaced
  const content = new Uint8Array(await new Response(packed).arrayBuffer());
  const signature = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
  const chunks = [pngChunk("IHDR", header), pngChunk("IDAT", content), pngChunk("IEND", new Uint8Array())];
  return new Blob([signature, ...chunks], { type: "image/png" });
}

// --- buttons -----------------------------------------------------------------------------------------

$("link").addEventListener("click", async () => {
  const fragment = `#${fragmentOf(strokes)}`;
  try {
    history.replaceState(null, "", fragment);
  } catch {
    location.replace(fragment); // a browser that keeps the addresses of files
  }
  try {
    await navigator.clipboard.writeText(location.href);
    $("message").textContent = "The link to this drawing is copied, and in the address bar.";
  } catch {
    $("message").textContent = "The link to this drawing is in the address bar.";
  }
});

$("png").addEventListener("click", async () => {
  const url = URL.createObjectURL(await pngOf(drawing, canvas.width, canvas.height));
  make("a", { href: url, download: "digit.png" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
});

// Show the drawing of the page's address; returns whether there is one.
function readLink() {
  const fragment = location.hash.slice(1);
  if (!fragment.startsWith(LINK_KEY)) return false;
  try {
    setStrokes(strokesFromText(fragment.slice(LINK_KEY.length)));
    readDrawing();
  } catch {
    setStrokes([]);
    paintStrokes();
    show({ message: "This link has no drawing, or was cut off." });
  }
  return true;
}
addEventListener("hashchange", readLink);
