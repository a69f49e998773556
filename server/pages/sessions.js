// The list of sessions: ends one without a new page, and keeps the list true.

import { call, Refused, SignedOut } from "./api.js";
import { describeDevice } from "./device.js";
import { setBusy } from "./forms.js";
import { localiseTimes } from "./times.js";

const SESSIONS = "/api/v1/users/me/sessions";

/** How old the list may be when the reader comes back to it, in milliseconds. */
const FRESH_FOR = 30_000;

/** The list and what belongs to it, all made by the server. */
export class SessionList {
  #list;
  #template;
  #status;
  #readAt = Date.now();

  /**
   * @param {HTMLUListElement} list one item for each session, with `data-session`
   * @param {HTMLTemplateElement} template such an item, empty
   * @param {HTMLElement} status where to say what has happened
   */
  constructor(list, template, status) {
    this.#list = list;
    this.#template = template;
    this.#status = status;
    for (const item of list.children) {
      nameDevice(item, item.querySelector(".device-name").textContent);
    }
    localiseTimes(list);
    list.addEventListener("submit", (event) => {
      const item = event.target.closest("[data-session]");
      // To end the current session is to sign out, which is the server's to do.
      if (item.dataset.current === undefined) {
        event.preventDefault();
        this.#end(item);
      }
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && Date.now() - this.#readAt > FRESH_FOR) {
        this.#read();
      }
    });
  }

  /** Ends a session. The item goes when the server has said that it did. */
  async #end(item) {
    if (item.ariaBusy === "true") {
      return;
    }
    const device = item.querySelector(".device-name").textContent;
    this.#setBusy(item, true);
    this.#say("");
    try {
      const response = await call("DELETE", `${SESSIONS}/${item.dataset.session}`);
      // One that is not there has ended already: just as well.
      if (!response.ok && response.status !== 404) {
        throw await Refused.by(response);
      }
    } catch (error) {
      this.#setBusy(item, false);
      this.#fail(item, error);
      return;
    }
    this.#remove(item);
    this.#say(`Signed out: ${device}.`);
    await this.#read();
  }

  /** Reads the list anew. Where that fails it stays as it was: nobody asked for it. */
  async #read() {
    try {
      const response = await call("GET", SESSIONS);
      if (response.ok) {
        this.#show(await response.json());
        this.#readAt = Date.now();
      }
    } catch (error) {
      leaveWhenSignedOut(error);
    }
  }

  /** Brings the items in line, and touches none that is as it should be. */
  #show(sessions) {
    const items = new Map([...this.#list.children].map((item) => [item.dataset.session, item]));
    const alive = new Set(sessions.map((session) => session.session_id));
    for (const [id, item] of items) {
      if (!alive.has(id)) {
        this.#remove(item);
      }
    }
    for (const [index, session] of sessions.entries()) {
      const item = items.get(session.session_id) ?? this.#itemOf(session);
      item.querySelector("time[data-ago]").dateTime = session.last_used_at;
      if (this.#list.children[index] !== item) {
        this.#list.insertBefore(item, this.#list.children[index] ?? null);
      }
    }
    localiseTimes(this.#list);
  }

  #itemOf(session) {
    const item = this.#template.content.firstElementChild.cloneNode(true);
    item.dataset.session = session.session_id;
    nameDevice(item, session.user_agent);
    item.querySelector(".address").textContent = session.ip ?? "Unknown address";
    item.querySelector("time:not([data-ago])").dateTime = session.created_at;
    item.querySelector("[name=session_id]").value = session.session_id;
    return item;
  }

  /** Takes an item out; who was on its button is led to the next, or to the heading. */
  #remove(item) {
    const hadFocus = item.contains(document.activeElement);
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    if (hadFocus) {
      next?.querySelector("button").focus();
    }
  }

  #setBusy(item, busy) {
    item.ariaBusy = busy ? "true" : null;
    item.querySelector(".error")?.remove();
    setBusy(item.querySelector("button"), busy);
  }

  #fail(item, error) {
    if (leaveWhenSignedOut(error)) {
      return;
    }
    const text = error instanceof Refused ? error.message : "The service cannot be reached.";
    const element = document.createElement("p");
    element.className = "error";
    element.role = "alert";
    element.textContent = `This session has not ended. ${text}`;
    item.append(element);
  }

  #say(text) {
    this.#status.textContent = text;
  }
}

/** Whether the page is being left, since nobody is signed in. */
function leaveWhenSignedOut(error) {
  const isOver = error instanceof SignedOut;
  if (isOver) {
    location.assign("/signin");
  }
  return isOver;
}

/** Writes the device into an item: plainly, and in full for whoever points at it. */
function nameDevice(item, userAgent) {
  const device = describeDevice(userAgent);
  const name = item.querySelector(".device-name");
  name.textContent = device;
  name.title = userAgent ?? "";
  item.querySelector("button .visually-hidden").textContent = ` this session: ${device}`;
}
