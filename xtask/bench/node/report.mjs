// Markdown.

/** A table whose columns are as wide as their widest cell; all but the first are numbers. */
export function table(head, rows) {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column].length)));
  const line = (row) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join(" | ")} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** A section: a heading, a remark and a table. */
export function print(heading, remark, head, rows) {
  console.log(`\n### ${heading}\n\n${remark}\n\n${table(head, rows)}`);
}

/** µs or ms, to two or three digits. */
export function time(value) {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

export function multiple(value) {
  return `${value.toFixed(2)}×`;
}

/** A median with the middle half of the turns. */
export function multipleWithSpread({ median, low, high }) {
  return `${multiple(median)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}

export function kib(bytes) {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
