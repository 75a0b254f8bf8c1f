// The error of every learning rate as a curve over the iterations.

const HEIGHT = 260;
const EDGE = { left: 58, right: 24, top: 14, bottom: 42 };
const MAX_POINTS = 500; // of a curve
const DIVERGED = 10; // times the first error

let curves = []; // { rate, run, errors }: errors grow while they are computed
let curvesOf = null;
let chart = null; // the scales of the drawn chart

// Compute the curves bit by bit, so that the page stays responsive.
function computeCurves() {
  const wanted = rates();
  const key = state.given;
  if (curvesOf?.key !== key || curvesOf.wanted.join() !== wanted.join()) {
    const known = curvesOf?.key === key ? curves : [];
    curves = wanted.map((rate) => known.find((curve) => curve.rate === rate) ??
      { rate, run: new Run(state.given, rate, false), errors: [] });
    curvesOf = { key, wanted };
    $("chart").dataset.drawn = "";
  }
  const end = performance.now() + 6;
  for (const { run, errors } of curves) {
    while (errors.length <= exercise.iterations && performance.now() < end) {
      errors.push(run.error(errors.length));
    }
  }
  if (!isComplete() && !frame) frame = requestAnimationFrame(continueCurves);
}

let frame = 0;
let lastDrawn = 0;

// While the curves are computed, they are drawn a few times per second.
function continueCurves(now) {
  frame = 0;
  computeCurves();
  if (!isComplete() && now - lastDrawn < 200) return;
  lastDrawn = now;
  drawCurves();
}

const isComplete = () => curves.every(({ errors }) => errors.length > exercise.iterations);

// Whether a training diverges: its error becomes much larger than at the start, or is undefined.
function divergesAt({ errors }) {
  const limit = DIVERGED * Math.max(errors[0], 1e-300);
  const at = errors.findIndex((error) => !(error <= limit));
  return at >= 0 && !(errors.at(-1) <= limit) ? at : -1;
}

// The errors that the vertical axis has room for; of a diverging curve, the first decades.
function axisErrors(curve) {
  if (divergesAt(curve) < 0) return curve.errors;
  const limit = state.scale === "log" ? 1e4 * curve.errors[0] : curve.errors[0];
  return curve.errors.filter((error) => error <= limit);
}

// The largest and the smallest error of the vertical axis. A diverging curve leaves at the top.
function verticalRange() {
  const all = curves.flatMap(axisErrors);
  let largest = 1e-300;
  let smallest = Infinity;
  for (const error of all) {
    if (!Number.isFinite(error)) continue;
    if (error > largest) largest = error;
    if (error > 0 && error < smallest) smallest = error;
  }
  if (state.scale === "linear") return [0, largest * 1.05];
  const floor = Math.max(Math.min(smallest, largest), largest * 1e-14);
  return [10 ** Math.floor(Math.log10(floor)), 10 ** Math.ceil(Math.log10(largest) + 1e-9)];
}

function scales(width) {
  const [low, high] = verticalRange();
  const across = Math.max(1, width - EDGE.left - EDGE.right);
  const down = HEIGHT - EDGE.top - EDGE.bottom;
  const log = state.scale === "log";
  const share = (error) => (log
    ? (Math.log10(Math.max(error, 1e-300)) - Math.log10(low)) / (Math.log10(high) - Math.log10(low) || 1)
    : error / high);
  return {
    low, high,
    x: (n) => EDGE.left + (across * n) / exercise.iterations,
    y: (error) => EDGE.top + down * (1 - within(-0.02, Number.isFinite(error) ? share(error) : 2, 1.03)),
    iterationAt: (x) => within(0, Math.round(((x - EDGE.left) / across) * exercise.iterations), exercise.iterations),
  };
}

const NICE = [1, 2, 5, 10];

function ticks(limit, count) {
  const rough = limit / count;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const size = unit * NICE.find((each) => each * unit >= rough);
  return Array.from({ length: Math.floor(limit / size) + 1 }, (_, index) =>
    Number((index * size).toPrecision(12)));
}

function verticalTicks({ low, high }) {
  if (state.scale === "linear") return ticks(high, 4);
  const [first, last] = [low, high].map((each) => Math.round(Math.log10(each)));
  const every = Math.max(1, Math.ceil((last - first) / 6));
  return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, index) =>
    10 ** (first + index * every));
}

const toColor = (index) => `curve-${index % 6}`;

let chartWidth = 0; // kept, because to ask for it makes the browser lay out the page

function drawCurves() {
  const container = $("chart");
  const width = chartWidth;
  const key = [width, state.scale, state.rate, curves.map(({ errors }) => errors.length)].join();
  if (container.dataset.drawn !== key) {
    container.dataset.drawn = key;
    chart = scales(width);
    const root = svg("svg", {
      width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img",
      "aria-label": `${ERROR} by iteration for each learning rate; the table below has the numbers`,
    });
    root.append(...axes(width), ...curves.map(curvePath), ...curves.map(divergence));
    root.append(svg("g", { class: "now" }, svg("line"), svg("circle", { r: 5 })));
    container.replaceChildren(root);
    drawLegend();
  }
  markIteration();
}

function axes(width) {
  const { x, y } = chart;
  const across = ticks(exercise.iterations, width < 500 ? 4 : 8).filter(Number.isInteger);
  const bottom = HEIGHT - EDGE.bottom;
  return [
    ...verticalTicks(chart).flatMap((error) => [
      svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y(error), y2: y(error), class: "grid" }),
      svg("text", { x: EDGE.left - 8, y: y(error), class: "tick left" }, short(error)),
    ]),
    ...across.map((n) => svg("text", { x: x(n), y: bottom + 16, class: "tick" }, n.toLocaleString("en"))),
    svg("text", { x: width - EDGE.right, y: HEIGHT - 3, class: "tick end" }, "iteration"),
  ];
}

function curvePath(curve, index) {
  const { x, y } = chart;
  const { errors } = curve;
  const end = leavesAt(curve);
  const every = Math.max(1, Math.ceil(errors.length / MAX_POINTS));
  let shape = "";
  for (let n = 0; n <= end; n = n < end ? Math.min(n + every, end) : end + 1) {
    shape += `${shape ? "L" : "M"}${x(n).toFixed(1)} ${y(errors[n]).toFixed(1)}`;
  }
  const isNow = curve.rate === state.rate;
  return svg("path", { d: shape, class: `curve ${toColor(index)}${isNow ? " chosen" : ""}` });
}

// The iteration where a curve ends: the last one, or where a diverging one leaves the chart.
function leavesAt(curve) {
  const last = curve.errors.length - 1;
  if (divergesAt(curve) < 0) return last;
  return Math.min(last, curve.errors.findLastIndex((error) => error <= chart.high) + 1);
}

// A mark where a diverging curve leaves the chart.
function divergence(curve) {
  if (divergesAt(curve) < 0) return "";
  const index = curves.filter((each) => divergesAt(each) >= 0).indexOf(curve);
  const x = within(EDGE.left, chart.x(leavesAt(curve)) + 6, chartWidth - EDGE.right - 130);
  return svg("text", { x, y: EDGE.top + 8 + 16 * (index % 4), class: "diverges" },
    `↑ η = ${short(curve.rate)} diverges`);
}

function markIteration() {
  const [mark, dot] = $("chart").querySelector(".now").children;
  const x = chart.x(state.iteration);
  for (const [name, value] of Object.entries({ x1: x, x2: x, y1: EDGE.top, y2: HEIGHT - EDGE.bottom })) {
    mark.setAttribute(name, value);
  }
  dot.setAttribute("cx", x);
  dot.setAttribute("cy", chart.y(rowNow()[ERROR]));
}

// One button per learning rate, which chooses it, with its last error.
function drawLegend() {
  const had = $("legend").contains(document.activeElement) ? document.activeElement.dataset.rate : null;
  $("legend").replaceChildren(...curves.map((curve, index) => {
    const at = divergesAt(curve);
    const last = curve.errors.at(-1);
    const words = at >= 0 ? `diverges from iteration ${at.toLocaleString("en")} on` : `ends at ${short(last)}`;
    const button = make("button", { type: "button", className: `legend ${toColor(index)}` },
      make("span", { className: "swatch" }), make("span", {}, `η = ${short(curve.rate)}`),
      make("span", { className: at >= 0 ? "wrong" : "note" }, words));
    button.setAttribute("aria-pressed", curve.rate === state.rate);
    button.dataset.rate = exact(curve.rate);
    button.onclick = () => change({ rate: curve.rate });
    return button;
  }));
  if (had !== null) $("legend").querySelector(`[data-rate="${had}"]`)?.focus();
  const isDiverging = curves.some(({ rate, ...curve }) => rate === state.rate && divergesAt(curve) >= 0);
  $("diverging").hidden = !isDiverging;
}

function startCurves() {
  const container = $("chart");
  const toIteration = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const x = event.clientX - container.getBoundingClientRect().left;
    setPlaying(false);
    goTo(chart.iterationAt(x), state.done);
  };
  container.addEventListener("pointerdown", toIteration);
  container.addEventListener("pointermove", toIteration);
  for (const input of document.querySelectorAll("input[name=scale]")) {
    input.onchange = () => change({ scale: input.value });
  }
  chartWidth = container.clientWidth;
  new ResizeObserver(() => {
    chartWidth = container.clientWidth;
    drawCurves();
  }).observe(container);
  onChange(() => {
    check("scale", state.scale);
    computeCurves();
    drawCurves();
  });
  computeCurves();
}
