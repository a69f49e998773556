// Judges a password while it is typed, by the server's policy and with the server's code. The
// password does not leave the page.
const [name, email, password, strength, summary, advice] = ["name", "email", "password", "strength", "summary", "advice"].map(
  (id) => document.getElementById(id),
);

/** The policy, or the promise of it, once somebody is about to choose a password. */
let policy;

function loadPolicy() {
  policy ??= readPolicy().catch((error) => {
    policy = undefined;
    throw error;
  });
  return policy;
}

async function readPolicy() {
  const [{ PasswordPolicy }, settings] = await Promise.all([
    // Half a megabyte of dictionary, which nobody loads who does not need it.
    import("/latchkey-verifier/passwords.js"),
    readJson("settings.json"),
  ]);
  return new PasswordPolicy(await readJson(new URL("/api/v1/password-policy", settings.latchkey)));
}

async function readJson(url) {
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`${url} answers ${response.status}`);
  }
  return response.json();
}

async function judge() {
  try {
    const policy = await loadPolicy();
    // What the fields hold now: more may have been typed in the meantime.
    show(policy.check(password.value, { email: email.value, name: name.value }));
  } catch (error) {
    console.error(error);
    strength.value = 0;
    say("The password is checked when you sign up.", []);
  }
}

function show({ ok, score, violations, suggestions }) {
  if (password.value === "") {
    strength.value = 0;
    say("", []);
    return;
  }
  strength.value = score;
  const messages = violations.map(({ message }) => message);
  say(ok ? "This password will do." : "This password will not do yet.", ok ? [] : [...messages, ...suggestions]);
}

/** Only what has changed is written, so that a screen reader does not repeat itself. */
function say(text, items) {
  if (summary.textContent !== text) {
    summary.textContent = text;
  }
  const shown = Array.from(advice.children, ({ textContent }) => textContent);
  if (shown.join("\n") !== items.join("\n")) {
    advice.replaceChildren(...items.map(asItem));
  }
}

function asItem(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

password.addEventListener("focus", judge, { once: true });
for (const field of [name, email, password]) {
  field.addEventListener("input", judge);
}
