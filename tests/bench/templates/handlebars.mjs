// The Handlebars side of `tools/bench templates`: the same template and rows, precompiled, without
// escaping.
//
//   node handlebars.mjs TEMPLATE ROWS SECONDS [TEXTS]
//
// ROWS: tab-separated, names in the first line. Prints {"renders_per_s"}; the text of each row goes
// into TEXTS, a line each.

import { readFileSync, writeFileSync } from 'node:fs';
import Handlebars from 'handlebars';

const [templatePath, rowsPath, seconds, textsPath] = process.argv.slice(2);
const [header, ...lines] = readFileSync(rowsPath, 'utf8').trimEnd().split('\n');
const names = header.split('\t');
const rows = lines.map((line) => {
  const values = line.split('\t');
  return Object.fromEntries(names.map((name, i) => [name, values[i]]));
});

const source = Handlebars.precompile(readFileSync(templatePath, 'utf8'), { noEscape: true });
const render = Handlebars.template((0, eval)(`(${source})`));

let bytes = 0;
function round(milliseconds) {
  const start = performance.now();
  let renders = 0;
  let now = start;
  for (; now - start < milliseconds; now = performance.now()) {
    for (const row of rows) bytes += render(row).length;
    renders += rows.length;
  }
  return (1000 * renders) / (now - start);
}

round(1000); // what V8 compiles at run time is compiled before the clock starts
const speed = round(1000 * Number(seconds));
if (textsPath) writeFileSync(textsPath, rows.map((row) => `${render(row)}\n`).join(''));
if (bytes === 0) throw new Error('nothing was rendered');
console.log(JSON.stringify({ renders_per_s: Math.round(speed) }));
