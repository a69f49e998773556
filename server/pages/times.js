// Times in the words of the page's language and in the reader's own time zone. The server
// writes them in UTC.

const LANGUAGE = navigator.languages.find((language) => /^en\b/.test(language)) ?? "en-GB";
const DATE = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "long" });
const DATE_AND_TIME = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "long", timeStyle: "short" });
const AGO = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });

/** What an age is counted in: up to how many seconds, and how many one is. */
const UNITS = [
  { unit: "minute", seconds: 60, until: 3_600 },
  { unit: "hour", seconds: 3_600, until: 86_400 },
  { unit: "day", seconds: 86_400, until: 7 * 86_400 },
];

/**
 * Writes each `<time datetime>` below an element anew: as an age with `data-ago`, as a
 * day with `data-day`, and otherwise with the time of day.
 */
export function localiseTimes(root, now = new Date()) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const then = new Date(element.dateTime);
    if (Number.isNaN(then.getTime())) {
      continue;
    }
    element.textContent = words(element.dataset, then, now);
    element.title = DATE_AND_TIME.format(then);
  }
}

function words({ ago, day }, then, now) {
  if (day !== undefined) {
    return DATE.format(then);
  }
  const seconds = (now - then) / 1_000;
  if (ago === undefined || seconds >= UNITS.at(-1).until) {
    return DATE_AND_TIME.format(then);
  }
  // Also what lies ahead, where one of the two clocks is wrong.
  if (seconds < UNITS[0].seconds) {
    return "just now";
  }
  const { unit, seconds: one } = UNITS.find(({ until }) => seconds < until);
  return AGO.format(-Math.floor(seconds / one), unit);
}
