// node main.mjs PACKAGE DATA [--quick]: measures the package in the folder PACKAGE and its peers
// in one run and prints Markdown. The lists that passwords are made from are in the folder DATA.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { passwords } from "./passwords.mjs";
import { print } from "./report.mjs";
import { sizes } from "./sizes.mjs";
import { starts } from "./starts.mjs";
import { verdict } from "./statistics.mjs";
import { tokens } from "./tokens.mjs";
import { workerd } from "./workerd.mjs";

const [folder, data] = process.argv.slice(2, 4).map((path) => pathToFileURL(`${resolve(path)}/`));

const aims = [...(await tokens(folder)), ...(await workerd(folder))];
await passwords(folder, data);
aims.push(...starts(folder), ...sizes(folder));

const figure = (value) => value.toFixed(value < 10 ? 2 : 0);
print(
  "The aims",
  "With the median of the turns, and between what the middle half of them lies. Where an aim lies there as well, the machine was too busy to tell.",
  ["", "aim", "median", "middle half", ""],
  aims.map(({ what, aim, measured }) => [
    what,
    `≤ ${aim}`,
    figure(measured.median),
    measured.low === measured.high ? "exact" : `${figure(measured.low)} to ${figure(measured.high)}`,
    verdict(measured, aim),
  ]),
);
