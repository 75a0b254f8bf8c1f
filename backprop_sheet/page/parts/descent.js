// Gradient descent on the exercise: the rows of its table, iteration by iteration.

const WITHIN_ROW = EQUATIONS.filter((equation) => equation.phase < 2);
const UPDATES = EQUATIONS.filter((equation) => equation.phase === 2);
const INDEX = new Map(EQUATIONS.map((equation, index) => [equation.name, index]));
// The numbers of equations that are done after the forward and after the backward pass.
const AFTER_FORWARD = EQUATIONS.filter((equation) => equation.phase === 0).length;
const AFTER_BACKWARD = WITHIN_ROW.length;

const KEPT = [...exercise.parameters, ...exercise.states]; // from one iteration to the next
const ERROR = exercise.comparedError;
const isOnline = exercise.samples.length > 1 && !exercise.isBatch;

// The exercise's own values: what a user changes is in a copy of these.
const originalGiven = () => ({
  parameters: Object.fromEntries(
    exercise.parameters.map((name, index) => [
      name, [...exercise.weights, ...exercise.biases][index],
    ]),
  ),
  samples: exercise.samples.map(([inputs, targets]) => [[...inputs], [...targets]]),
});

// A training from given values at one learning rate.
class Run {
  // `keeps`: whether all iterations can be shown, or only their errors.
  constructor(given, rate, keeps) {
    Object.assign(this, { given, rate, keeps });
    this.constants = { ...exercise.constants, η: rate };
    this.kept = [KEPT.map((name) => given.parameters[name] ?? 0)];
    this.errors = []; // of the iterations that have been computed
    this.totals = []; // with one sample per iteration, E_total of each
    this.last = null; // the rows that were computed last
    this.lastUpdate = null;
  }

  // The rows of iteration n: one, or with batch updates one per sample.
  rows(n) {
    while (this.errors.length < n) this.advance();
    return this.rowsOf(n);
  }

  error(n) {
    while (this.errors.length <= n) this.advance();
    return this.errors[n];
  }

  // The new values of states and parameters after iteration n.
  updated(n) {
    if (this.lastUpdate?.n === n) return this.lastUpdate.q;
    const rows = this.rows(n);
    const q = { ...this.constants, iteration: n + 1 };
    for (const { name, value } of UPDATES) q[name] = value(q, rows[0], rows);
    this.lastUpdate = { n, q };
    return q;
  }

  advance() {
    const n = this.errors.length;
    const rows = this.rowsOf(n);
    const updated = this.updated(n);
    this.errors.push(rows[0][ERROR]);
    const next = KEPT.map((name) => updated[name] ?? rows[0][name]);
    if (this.keeps) this.kept.push(next);
    else this.kept = [next];
  }

  rowsOf(n) {
    if (this.last?.n === n) return this.last.rows;
    const kept = this.keeps ? this.kept[n] : this.kept[0];
    const count = this.given.samples.length;
    const numbers = exercise.isBatch ? [...Array(count).keys()] : [n % count];
    const rows = numbers.map((number) => this.row(n, number, kept));
    if (count > 1) this.addMeanError(n, rows);
    this.last = { n, rows };
    return rows;
  }

  row(n, number, kept) {
    const [inputs, targets] = this.given.samples[number];
    const q = { ...this.constants, iteration: n, sample: number + 1 };
    exercise.inputs.forEach((name, index) => { q[name] = inputs[index]; });
    exercise.targets.forEach((name, index) => { q[name] = targets[index]; });
    KEPT.forEach((name, index) => { q[name] = kept[index]; });
    for (const { name, value } of WITHIN_ROW) q[name] = value(q);
    return q;
  }

  // E_mean is over the samples of an update, or over the last iterations, one for each sample.
  addMeanError(n, rows) {
    let totals = rows;
    if (isOnline) {
      this.totals[n] = { E_total: rows[0].E_total };
      totals = this.totals.slice(Math.max(0, n + 1 - this.given.samples.length), n + 1);
    }
    const value = mean(totals, "E_total");
    for (const row of rows) row.E_mean = value;
  }
}
