// Sign-up: the verdict on the password while it is typed.

import { enhanceForms } from "./forms.js";
import { watchPassword } from "./password-meter.js";

const [name, email, password] = ["name", "email", "password"].map((id) => document.getElementById(id));

enhanceForms();
watchPassword(
  password,
  document.getElementById("password-verdict"),
  () => ({ email: email.value, name: name.value }),
  [email, name],
);
