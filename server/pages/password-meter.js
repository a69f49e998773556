// The verdict on a new password while it is typed: the server's policy, judged by the
// server's own rules in WebAssembly. It informs and never stands in the way: the server
// decides when the form arrives, and where the rules cannot be loaded the hint beside the
// field has to do.

const RULES = "/assets/latchkey-verifier/passwords.js";
const POLICY = "/api/v1/password-policy";

/** A pause in the typing after which a password is judged, in milliseconds. */
const JUDGED_AFTER = 100;

/** A pause after which the verdict is read out, if it is another. */
const SAID_AFTER = 1_000;

const STRENGTHS = ["Very weak", "Weak", "Fair", "Good", "Strong"];

/** The lowest score that needs no advice. */
const GOOD = 3;

/**
 * Shows the verdict on what is in a field.
 *
 * @param {HTMLInputElement} field
 * @param {HTMLElement} region where to show it
 * @param {() => { email?: string, name?: string }} context who chooses the password
 * @param {Iterable<HTMLInputElement>} [others] the fields that the context is read from
 */
export function watchPassword(field, region, context, others = []) {
  const view = new View(region);
  // Reads the field when the rules are there, so that what was typed last is judged.
  const judge = afterPause(JUDGED_AFTER, async () => {
    const policy = await loadPolicy();
    if (policy !== undefined) {
      forgetFaults(field);
      view.show(field.value === "" ? undefined : policy.check(field.value, context()));
    }
  });
  // The rules are as big as a picture: they come when they are about to be needed.
  field.addEventListener("focus", loadPolicy);
  for (const input of [field, ...others]) {
    input.addEventListener("input", judge);
  }
}

/** Takes away what the server said of the password before: it is not that one any more. */
function forgetFaults(field) {
  const faults = document.getElementById(`${field.id}-faults`);
  if (faults !== null && field.value !== "") {
    faults.remove();
    field.ariaInvalid = null;
  }
}

let loading;

/** The policy, loaded once; `undefined` when it cannot be, until the next try. */
function loadPolicy() {
  loading ??= Promise.all([import(RULES), fetchPolicy()]).then(
    ([{ PasswordPolicy }, policy]) => new PasswordPolicy(policy),
    () => (loading = undefined),
  );
  return loading;
}

async function fetchPolicy() {
  const response = await fetch(POLICY, { credentials: "omit" });
  if (!response.ok) {
    throw new Error(`the policy is answered with ${response.status}`);
  }
  return response.json();
}

/** Calls once there has been no call for a while. */
function afterPause(milliseconds, work) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}

/** A verdict on the page, for eyes and for ears. */
class View {
  #shown = document.createElement("div");
  #meter = document.createElement("meter");
  #strength = document.createElement("b");
  #rules = document.createElement("ul");
  #said = document.createElement("p");
  #verdict;

  constructor(region) {
    this.#meter.max = STRENGTHS.length - 1;
    this.#meter.ariaLabel = "Strength";
    this.#rules.className = "rules";
    const strength = document.createElement("div");
    strength.className = "strength";
    strength.append(this.#meter, this.#strength);
    // What changes with every key is for the eyes; the region reads out the rest.
    this.#shown.ariaLive = "off";
    this.#shown.className = "verdict";
    this.#shown.hidden = true;
    this.#shown.append(strength, this.#rules);
    this.#said.className = "visually-hidden";
    region.replaceChildren(this.#shown, this.#said);
  }

  /** Shows another verdict, or none. */
  show(verdict) {
    this.#verdict = verdict;
    this.#shown.hidden = verdict === undefined;
    if (verdict !== undefined) {
      this.#meter.value = verdict.score;
      this.#meter.dataset.level = level(verdict);
      this.#strength.textContent = STRENGTHS[verdict.score];
      this.#rules.replaceChildren(...lines(verdict));
    }
    this.#say();
  }

  #say = afterPause(SAID_AFTER, () => {
    const text = this.#verdict === undefined ? "" : sentence(this.#verdict);
    if (this.#said.textContent !== text) {
      this.#said.textContent = text;
    }
  });
}

/** How the meter is coloured: a password that is refused is never good. */
function level({ ok, score }) {
  if (score < 2) {
    return "poor";
  }
  return ok && score >= GOOD ? "good" : "fair";
}

/** What is wrong, or that nothing is; and how it could be better. */
function lines({ ok, score, violations, suggestions }) {
  const verdict = ok
    ? [line("met", "This password can be used.")]
    : violations.map(({ message }) => line("unmet", message));
  const advice = ok && score < GOOD ? suggestions.slice(0, 2) : [];
  return [...verdict, ...advice.map((text) => line("tip", text))];
}

function line(kind, text) {
  const element = document.createElement("li");
  element.className = kind;
  element.textContent = text;
  return element;
}

/** The verdict to be read out: without the numbers that change with every key. */
function sentence({ ok, score, violations }) {
  const strength = `Strength: ${STRENGTHS[score].toLowerCase()}.`;
  if (ok) {
    return `This password can be used. ${strength}`;
  }
  return violations.map(({ message }) => message.replace(/, not \d+\.$/, ".")).join(" ");
}
