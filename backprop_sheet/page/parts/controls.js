// Stepping and running through time, and choosing the sample and the learning rate.

const PHASES = ["Forward", "Backward", "Update"];
const PAUSES = { slow: 1200, medium: 400, fast: 80, fastest: 0 }; // milliseconds between two steps

let timer = 0;

function setPlaying(isPlaying) {
  cancelAnimationFrame(timer);
  change({ isPlaying: isPlaying && canStep(1) });
  if (!state.isPlaying) return;
  let last = -Infinity;
  const tick = (now) => {
    if (!state.isPlaying) return;
    if (now - last >= PAUSES[$("speed").value]) {
      last = now;
      advance();
      if (!canStep(1)) change({ isPlaying: false });
    }
    timer = requestAnimationFrame(tick);
  };
  timer = requestAnimationFrame(tick);
}

// At the fastest, whole iterations follow each other: parts of them would only flicker.
function advance() {
  if ($("speed").value === "fastest" && state.grain === "phase") {
    goTo(state.done < AFTER_BACKWARD ? state.iteration : state.iteration + 1, AFTER_BACKWARD);
  } else {
    move(1);
  }
}

function startControls() {
  const stop = (action) => () => {
    setPlaying(false);
    action();
  };
  $("rewind").onclick = stop(() => goTo(0, 0));
  $("back").onclick = stop(() => move(-1));
  $("forward").onclick = stop(() => move(1));
  $("play").onclick = () => setPlaying(!state.isPlaying);
  for (const input of document.querySelectorAll("input[name=grain]")) {
    input.onchange = () => change({ grain: input.value });
  }
  PHASES.forEach((_, phase) => {
    $(`phase-${phase}`).onclick = stop(() => goToPhase(phase));
  });
  $("iteration").max = exercise.iterations;
  $("iteration").oninput = stop(() => goTo(Number($("iteration").value), state.done));
  drawSamples();
  $("error-name").append(typeset(ERROR));
  const rate = $("own-rate");
  rate.onchange = () => {
    const isFine = isAllowedRate(readNumber(rate.value));
    $("rate-message").textContent = isFine ? "" : `A number above 0, at most ${exact(exercise.limits.rate)}.`;
    if (isFine) setRate(readNumber(rate.value));
  };
  $("reset").onclick = stop(() =>
    change({ given: originalGiven(), rate: exercise.rates[0], ownRate: null }));
  onChange(updateControls);
}

// Show the end of a phase of this iteration; that of the update is the next iteration's start.
function goToPhase(phase) {
  const done = STOPS[phase + 1];
  change({ grain: state.grain === "iteration" ? "phase" : state.grain });
  if (done < EQUATIONS.length) goTo(state.iteration, done);
  else if (state.iteration < exercise.iterations) goTo(state.iteration + 1, 0);
}

function drawSamples() {
  const count = exercise.samples.length;
  $("samples").hidden = count === 1;
  if (count === 1) return;
  $("sample").append(...exercise.samples.map((_, index) =>
    make("option", { value: index }, `${index + 1} of ${count}`)));
  $("sample").onchange = () => chooseSample(Number($("sample").value));
}

// With one sample per update, the samples take turns: go to the next iteration that uses it.
function chooseSample(index) {
  if (exercise.isBatch) {
    change({ sample: index });
    return;
  }
  const count = exercise.samples.length;
  const ahead = (index - (state.iteration % count) + count) % count;
  const next = state.iteration + ahead;
  change({ iteration: next <= exercise.iterations ? next : next - count });
}

function updateControls() {
  const { iteration, done, isPlaying } = state;
  $("back").disabled = !canStep(-1);
  $("forward").disabled = !canStep(1);
  $("rewind").disabled = iteration === 0 && done === 0;
  toggle($("play"), "playing", isPlaying);
  toggle(document.body, "playing", isPlaying);
  setText($("play").querySelector("span"), isPlaying ? "Pause" : "Run");
  check("grain", state.grain);
  if (Number($("iteration").value) !== iteration) $("iteration").value = iteration;
  setText($("iteration-text"), `${iteration.toLocaleString("en")} of ${exercise.iterations.toLocaleString("en")}`);
  PHASES.forEach((_, phase) => {
    const [from, to] = [STOPS[phase], STOPS[phase + 1]];
    const share = within(0, (done - from) / (to - from), 1);
    const button = $(`phase-${phase}`);
    button.style.setProperty("--done", share);
    const isNow = done > from && done <= to || (phase === 2 && done === 0 && iteration > 0);
    button.setAttribute("aria-pressed", isNow);
  });
  if (exercise.samples.length > 1) $("sample").value = rowNow().sample - 1;
  if (document.activeElement !== $("own-rate")) $("own-rate").value = exact(state.rate);
  setText($("error-now"), hooks.isHidden(ERROR) ? "?" : short(rowNow()[ERROR]));
  updateChanged();
  if (!isPlaying) setText($("status"), statusText());
}

let changedFor = null; // for which the following is said

function updateChanged() {
  const now = { given: state.given, ownRate: state.ownRate };
  if (changedFor && isSame(now, changedFor)) return;
  changedFor = now;
  const isChanged = writeGiven() !== "";
  setText($("changed"), isChanged ? "The given values are changed." : "");
  $("reset").hidden = !isChanged && state.ownRate === null;
}

// What has just been computed, in a sentence for everyone.
function statusText() {
  const { iteration, done } = state;
  if (iteration === 0 && done === 0) {
    return "The start: only the given values are known. Step forward to compute the rest.";
  }
  if (done === 0) {
    return `The update to iteration ${iteration}: the parameters are new, and a forward pass comes next.`;
  }
  const { name, phase } = EQUATIONS[done - 1];
  if (state.grain === "equation" || !STOPS.includes(done)) return `Computed now: ${name}.`;
  if (phase === 0) {
    return "Forward pass: from the inputs to the error, each neuron adds up its weighted inputs and applies its activation.";
  }
  return "Backward pass: from the error back to every weight, the chain rule multiplies the derivatives along the way.";
}
