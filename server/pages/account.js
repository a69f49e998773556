// The account: sessions that end without a new page, and the verdict on a new password.

import { enhanceForms } from "./forms.js";
import { watchPassword } from "./password-meter.js";
import { SessionList } from "./sessions.js";
import { localiseTimes } from "./times.js";

const byId = (id) => document.getElementById(id);

enhanceForms();
localiseTimes(document);
new SessionList(byId("sessions"), byId("session-template"), byId("sessions-status"));

const { email, name } = byId("change-password").dataset;
watchPassword(byId("new_password"), byId("password-verdict"), () => ({ email, name }));

// To end everything takes a second thought, where there is a dialog to have it in.
const dialog = byId("end-all");
byId("ask-end-all").addEventListener("submit", (event) => {
  event.preventDefault();
  dialog.showModal();
});
byId("keep-sessions").addEventListener("click", () => dialog.close());
