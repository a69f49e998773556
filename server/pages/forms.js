// What every form gets when scripts run. Without them it works the same, plainly.

/** How long a form that was sent stays locked when no answer comes, in milliseconds. */
const LOCKED_FOR = 15_000;

/** Lets forms be sent once, passwords be looked at, and problems be heard. */
export function enhanceForms() {
  for (const input of document.querySelectorAll('input[type="password"]')) {
    offerToReveal(input);
  }
  document.addEventListener("submit", sendOnce);
  // The page may come back from the browser's memory as it was left.
  window.addEventListener("pageshow", () => document.querySelectorAll("form[aria-busy]").forEach(unlock));
  document.querySelector(".problem[tabindex]")?.focus();
  // What was done is said once, and not again when the page is loaded again.
  if (new URLSearchParams(location.search).has("notice")) {
    history.replaceState(null, "", location.pathname + location.hash);
  }
}

/** Puts a button beside a password that shows it, and hides it again. */
function offerToReveal(input) {
  const verb = document.createElement("span");
  const button = document.createElement("button");
  button.type = "button";
  button.append(verb, hidden(` ${input.labels[0].textContent.toLowerCase()}`));
  const reveal = (revealed) => {
    input.type = revealed ? "text" : "password";
    verb.textContent = revealed ? "Hide" : "Show";
  };
  reveal(false);
  button.addEventListener("click", () => reveal(input.type === "password"));
  // Browsers keep what is typed into fields of text, so it leaves as a password.
  input.form.addEventListener("submit", () => reveal(false));

  const row = document.createElement("div");
  row.className = "revealing";
  input.replaceWith(row);
  row.append(input, button);
}

/** Text for those who listen. */
function hidden(text) {
  const element = document.createElement("span");
  element.className = "visually-hidden";
  element.textContent = text;
  return element;
}

/** Sends a form, and not a second time while the answer is under way. */
function sendOnce(event) {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") {
    return;
  }
  if (form.ariaBusy === "true") {
    event.preventDefault();
    return;
  }
  const button = event.submitter ?? form.querySelector("button:not([type='button'])");
  form.ariaBusy = "true";
  setBusy(button, true);
  setTimeout(() => unlock(form), LOCKED_FOR);
}

function unlock(form) {
  form.ariaBusy = null;
  form.querySelectorAll("button[aria-busy]").forEach((button) => setBusy(button, false));
}

/**
 * Shows on a button that its work is under way: in the words of its `data-busy`, which
 * stand instead of the text that it begins with.
 *
 * @param {HTMLButtonElement} button
 * @param {boolean} busy
 */
export function setBusy(button, busy) {
  if (busy === (button.ariaBusy === "true")) {
    return;
  }
  button.ariaBusy = busy ? "true" : null;
  const { busy: words } = button.dataset;
  if (words !== undefined) {
    button.dataset.busy = button.firstChild.textContent;
    button.firstChild.textContent = words;
  }
}
