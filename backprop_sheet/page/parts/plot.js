// A quantity as a function of another one, with the tangent whose slope is the derivative.

const PLOT = { width: 320, height: 168, left: 44, right: 10, top: 12, bottom: 30 };
const PLOT_POINTS = 81;

// The row with another value of one quantity, and what follows from it up to the error.
function rowWith(name, value) {
  const row = { ...rowNow(), [name]: value };
  const from = INDEX.has(name) && quantities[name].phase === 0 ? INDEX.get(name) + 1 : 0;
  for (let index = from; index < AFTER_FORWARD; index++) {
    const equation = EQUATIONS[index];
    row[equation.name] = equation.value(row);
  }
  return row;
}

// What is plotted for a quantity: { of, by, slope }, or null.
function plotted(name) {
  if (!isKnown(name) || state.done < AFTER_FORWARD) return null;
  const { kind } = quantities[name];
  if (kind === "activation") {
    const [sumName] = exercise.layers.flat().find((neuron) => neuron[1] === name);
    return { of: name, by: sumName, slope: `∂${name}/∂${sumName}` };
  }
  const by = kind === "gradient" ? derivativeOf(name)[1].slice(1) : name;
  const gradient = GRADIENT(by);
  if (!(by in state.given.parameters) || !(gradient in quantities)) return null;
  return { of: "E_total", by, slope: gradient };
}

function explainPlot(name) {
  const what = plotted(name);
  if (!what || hooks.isHidden(what.of)) return null;
  const { of, by, slope } = what;
  const x = rowNow()[by];
  const reach = Math.max(quantities[by].phase === 0 ? 4 : 1, Math.abs(x) * 1.25);
  const points = Array.from({ length: PLOT_POINTS }, (_, index) => {
    const at = x + reach * ((2 * index) / (PLOT_POINTS - 1) - 1);
    return [at, rowWith(by, at)[of]];
  });
  if (!points.every((point) => point.every(Number.isFinite))) return null;
  const isSlopeShown = (slope in FACTORS || isKnown(slope)) && !hooks.isHidden(slope);
  const value = isSlopeShown ? numberIn(slope, false) : undefined;
  const figure = make("figure", {}, plotDrawing(points, [x, rowNow()[of]], value, what));
  const words = make("figcaption", { className: "note" }, quantity(of), " while only ", quantity(by),
    " changes");
  if (value !== undefined) words.append("; the slope of the tangent is ", typeset(slope), ` = ${short(value)}`);
  words.append(".");
  figure.append(words);
  return figure;
}

function plotDrawing(points, [x, y], slope, { of, by }) {
  const { width, height, left, right, top, bottom } = PLOT;
  const heights = points.map(([, each]) => each);
  const [low, high] = [Math.min(...heights), Math.max(...heights)];
  const pad = (high - low || Math.abs(high) || 1) * 0.12;
  const first = points[0][0];
  const last = points.at(-1)[0];
  const toX = (value) => left + ((width - left - right) * (value - first)) / (last - first);
  const toY = (value) => top + (height - top - bottom) *
    (1 - (value - low + pad) / (high - low + 2 * pad));
  const at = (point) => `${toX(point[0]).toFixed(1)} ${toY(point[1]).toFixed(1)}`;
  const root = svg("svg", {
    viewBox: `0 0 ${width} ${height}`, role: "img", class: "plot",
    "aria-label": `${of} as a function of ${by}`,
  });
  const floor = height - bottom;
  root.append(
    svg("path", { d: `M${left} ${top} V${floor} H${width - right}`, class: "axis" }),
    svg("path", { d: `M${points.map(at).join("L")}`, class: "function" }),
    svg("path", { d: `M${at([x, y])} V${floor}`, class: "guide" }),
  );
  if (slope !== undefined) root.append(tangent([x, y], slope, toX, toY));
  const symbol = svg("text", { x: width - right, y: height - 8, class: "tick end" });
  symbol.append(...typesetInDrawing(by));
  const name = svg("text", { x: left + 6, y: top + 2, class: "tick start" });
  name.append(...typesetInDrawing(of));
  root.append(
    svg("circle", { cx: toX(x), cy: toY(y), r: 4.5, class: "point" }), symbol, name,
    svg("text", { x: toX(x), y: floor + 12, class: "tick" }, short(x)),
    svg("text", { x: left - 6, y: toY(y), class: "tick left" }, short(y)),
  );
  return root;
}

// A piece of the tangent of the same length for any slope, around the point.
function tangent([x, y], slope, toX, toY) {
  const [dx, dy] = [toX(x + 1) - toX(x), toY(y + slope) - toY(y)];
  const size = 70 / Math.hypot(dx, dy);
  const ends = [-size, size].map((each) =>
    `${(toX(x) + each * dx).toFixed(1)} ${(toY(y) + each * dy).toFixed(1)}`);
  return svg("path", { d: `M${ends.join("L")}`, class: "tangent" });
}
