// Rows of text that continue like the ones before them are written once, as a spreadsheet fills down.

// The row after two rows: its numbers continue theirs. After "w1 i1 h1" and "w2 i2 h1" comes "w3 i3 h1".
const following = (first, second) => {
  const numbers = first.match(/\d+/gu) ?? [];
  let index = 0;
  return second.replace(/\d+/gu, (number) => 2 * number - numbers[index++]);
};

// All rows: [p, n] stands for n rows, each of which continues the rows p and 2*p before it.
function filledDown(written) {
  const rows = [];
  for (const each of written) {
    if (typeof each === "string") {
      rows.push(each);
      continue;
    }
    const [period, count] = each;
    for (let n = 0; n < count; n++) rows.push(following(rows.at(-2 * period), rows.at(-period)));
  }
  return rows;
}
