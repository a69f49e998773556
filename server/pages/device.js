// The device behind a session in plain words, from what its browser says of itself. A
// guess to recognise one's own devices by, and nothing more: anyone can write anything.

// The first that fits: browsers name those that they want to be taken for.
const BROWSERS = [
  [/\bEdgA?(?:iOS)?\//, "Edge"],
  [/\bOPR\/|\bOpera\b/, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/\b(?:Headless)?Chrome\/|\bCriOS\/|\bChromium\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];

const SYSTEMS = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bMac OS X\b|\bMacintosh\b/, "Mac"],
  [/\bLinux\b/, "Linux"],
];

/**
 * @param {string | null | undefined} userAgent the header `User-Agent`
 * @returns {string} such as "Firefox on Linux"; for other programs the name of the program
 */
export function describeDevice(userAgent) {
  const text = userAgent?.trim() ?? "";
  if (text === "") {
    return "An unknown device";
  }
  const browser = first(BROWSERS, text);
  const system = first(SYSTEMS, text);
  if (browser === undefined) {
    return text.split(/[/\s]/, 1)[0] || text;
  }
  return system === undefined ? browser : `${browser} on ${system}`;
}

function first(kinds, text) {
  return kinds.find(([pattern]) => pattern.test(text))?.[1];
}
