// What the page is about: its data, the digit that is shown, and what is selected.

const data = JSON.parse($("data").textContent);
const { preparation } = data;
const network = loadNetwork(data);

let readings = []; // the digits of the drawing or picture, and everything that was computed from each
let state = null; // that of them which is shown
let selected = null; // { layer, map, y, x }: the value whose computation is shown
