// What the page is about: its data, the digit that is shown, and what is selected.

const data = JSON.parse($("data").textContent);
const { preparation } = data;
const network = loadNetwork(data);

let state = null; // the digit that is shown, and everything that the network computed from it
let selected = null; // { layer, map, y, x }: the value whose computation is shown
