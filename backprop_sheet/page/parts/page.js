// The page: starts its parts, and reads the link.

function start() {
  document.body.classList.add("running");
  document.title = exercise.title;
  $("title").textContent = exercise.title.replace(/(\d)-(?=\d)/gu, "$1\u2011"); // no break in 2-2-2
  $("source").textContent = exercise.source;
  $("source").hidden = !exercise.source;
  $("summary").append(...exercise.summary.map((each) => make("span", {}, ...withNames(each, inWords), " ")));
  startNetwork();
  startPanel();
  startControls();
  startCurves();
  startMap();
  startTables();
  startSaving();
  startPractice();
  readLink();
  addEventListener("hashchange", readLink);
  redraw();
}

// For those who look at the page from outside: its numbers at full precision.
window.exercisePage = {
  exercise, state, change, valueOf, rowsOf, hooks, exerciseFile,
  updated: (n) => runAt(state.rate).updated(n),
  table: () => tableFile().join(""),
  factor: (label, row) => FACTORS[label](row),
  link: writeLink,
};

start();
