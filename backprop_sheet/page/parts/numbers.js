// Numbers as text, and texts that people type as numbers.

const MINUS = "\u2212";

// Without the zeros at the end of the decimals: 0.1500 is 0.15, and 1.20e-10 is 1.2e-10.
const withoutZeros = (text) => {
  const [digits, exponent] = text.split("e");
  const shorter = digits.includes(".") ? digits.replace(/\.?0+$/u, "") : digits;
  return exponent === undefined ? shorter : `${shorter}e${exponent}`;
};

const withSigns = (text) => text.replace(/-/gu, MINUS).replace("e+", "e");

const notFinite = (x) => (Number.isNaN(x) ? "undefined" : x > 0 ? "∞" : `${MINUS}∞`);

// Three to five digits, for the drawing and the tables.
const short = (x) => {
  if (!Number.isFinite(x)) return notFinite(x);
  const size = Math.abs(x);
  if (size === 0) return "0";
  if (size >= 1e5 || size < 1e-3) return withSigns(withoutZeros(x.toExponential(2)));
  if (size >= 1) return withSigns(withoutZeros(x.toPrecision(5)));
  return withSigns(withoutZeros(size >= 0.1 ? x.toFixed(4) : x.toPrecision(3)));
};

// Ten significant digits, as in `gradsheet equations`.
const long = (x) => {
  if (!Number.isFinite(x)) return notFinite(x);
  if (x === 0) return "0";
  const text = Math.abs(x) < 1e-4 ? x.toExponential(9) : x.toPrecision(10);
  return withSigns(withoutZeros(text));
};

// All digits, for fields: what is read from them is the same number.
const exact = (x) => String(x);

// The number that a text says, with a decimal point or comma; NaN if it says none.
const readNumber = (text) => {
  const plain = String(text).trim().replace(MINUS, "-").replace(/^([^.,]*),([^.,]*)$/u, "$1.$2");
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,3})?$/iu.test(plain) ? Number(plain) : NaN;
};
