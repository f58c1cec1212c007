// The page's session: its CSRF token, and signing in again in place, so that nothing under way is lost.

import { transfer } from "./transfer.js";
import { typeset } from "./words.js";

/** A second click while the first is on its way would ask twice. A script's own forms are its business. */
document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.hasAttribute("aria-busy")) event.preventDefault();
  form.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted) window.location.reload(); // what the back button brings back may be over, or somebody else's
  for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
});

const firstSeen = new WeakMap();

/** The server's time of day goes on while the page is open, in the server's own zone. */
setInterval(() => {
  /** @type {NodeListOf<HTMLElement>} */
  const clocks = document.querySelectorAll("[data-clock]");
  for (const clock of clocks) {
    if (!firstSeen.has(clock)) firstSeen.set(clock, performance.now());
    const local = Date.parse(`${clock.dataset.clock.slice(0, 19)}Z`) + performance.now() - firstSeen.get(clock);
    const text = new Date(local).toISOString().slice(11, 16);
    if (clock.textContent !== text) clock.textContent = text;
  }
}, 1000);

/** @returns {HTMLMetaElement} */
const meta = (name) => document.querySelector(`meta[name="${name}"]`);

const csrfToken = () => meta("csrf-token").content;

function renewCsrfToken(token) {
  meta("csrf-token").content = token;
  /** @type {NodeListOf<HTMLInputElement>} */
  const fields = document.querySelectorAll('input[name="csrf_token"]');
  for (const field of fields) field.value = token;
}

/** For a piece of a page. JSON comes first: signed out, the answer is then 401 and not the whole sign-in page. */
export const HTML = { Accept: "application/json, text/html;q=0.9" };

/** Something on the way (a web filter, a proxy) answered in the supervisor's place. */
export class Intercepted extends Error {
  constructor(status) {
    super(status >= 500
      ? "Le Superviseur ne répond pas pour l'instant"
      : `Un équipement du réseau (filtre web ou proxy) répond à la place du Superviseur (${status}) ; s'il persiste,`
        + " demandez à votre service informatique de laisser passer cette adresse");
    this.status = status;
  }

  /** Whether it refuses, rather than fails to reach the server. */
  get isRefusal() {
    return this.status >= 400 && this.status < 500 || this.status === 501;
  }
}

/** Every answer of the supervisor's says so. */
const isOurs = (response) => response.headers.get("X-OSPI-Supervisor") === "1";

let confirming = null; // a password on its way to the server: its answer may bring this browser another session

/**
 * fetch with our headers. A session renewed meanwhile (the password confirmed here, a sign-in in another tab) is taken
 * up; one that has ended is opened again in place; then the request is made anew.
 */
export async function request(address, options = {}) {
  let response = await sendToUs(address, options);
  for (let takenUp = false; await isAboutSession(response); takenUp = true) {
    if (takenUp || !await takeUpSession()) await signInAgain();
    response = await sendToUs(address, options);
  }
  return response;
}

async function sendToUs(address, options) {
  const response = await send(address, options);
  if (!isOurs(response)) throw new Intercepted(response.status);
  return response;
}

/**
 * `confirms` tells the request that carries a password; `onProgress` is told how many bytes of the body have left.
 * @param {string} address
 * @param {Record<string, any>} options
 */
function send(address, { headers = {}, confirms = false, ...options }) {
  const exchange = options.onProgress ? transfer : fetch;
  const answer = exchange(address, {
    ...options,
    headers: { Accept: "application/json", "X-CSRFToken": csrfToken(), ...headers },
  });
  if (confirms) confirming = answer.catch(() => {});
  return answer;
}

async function isAboutSession(response) {
  if (response.status === 400) return (await reason(response.clone())).code === "csrf";
  return response.status === 401;
}

/** Whether this browser is signed in after all; the page then holds that session's token. */
async function takeUpSession() {
  await confirming; // the server ends the former session before we have the cookie of the new one
  const { username } = await askWhoIsSignedIn();
  return Boolean(username);
}

async function askWhoIsSignedIn() {
  const response = await fetch(meta("sign-in").content, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error((await reason(response)).message);
  const session = await response.json();
  renewCsrfToken(session.csrf_token);
  return session;
}

/** What the server says went wrong, in its own words. */
export async function reason(response) {
  const type = response.headers.get("Content-Type") || "";
  const answer = type.includes("json") ? await response.json() : {};
  const message = answer.message || `le serveur a répondu ${response.status}`;
  return { status: response.status, code: answer.code || "", message: message[0].toUpperCase() + message.slice(1) };
}

let signingIn = null;

function signInAgain() {
  signingIn ??= askInDialog({
    title: "Votre session est terminée",
    text: "Reconnectez-vous ici : rien de ce qui est en cours n'est perdu.",
    withUsername: true,
    attempt: postSignIn,
  }).finally(() => { signingIn = null; });
  return signingIn;
}

async function postSignIn(fields) {
  await askWhoIsSignedIn();
  const response = await fetch(meta("sign-in").content, {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRFToken": csrfToken() },
    body: new URLSearchParams(fields),
  });
  if (!response.ok) return (await reason(response)).message;
  renewCsrfToken((await response.json()).csrf_token);
  return null;
}

/** Whoever was asked for a password gave none. */
export class Cancelled extends Error {}

/**
 * Ask for a password (and a name) until `attempt` accepts it; `attempt` gives null or the error to show. Raises
 * Cancelled, but never while an attempt is on its way: nobody could tell what became of it.
 */
export function askInDialog({ title, text, withUsername = false, attempt }) {
  const dialog = makeDialog(title, text, withUsername);
  const [button, cancel] = dialog.querySelectorAll("button");
  /** @type {HTMLElement} */
  const error = dialog.querySelector(".error");
  const form = dialog.querySelector("form");
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve, reject) => {
    cancel.addEventListener("click", () => dialog.close());
    dialog.addEventListener("cancel", (event) => { if (button.disabled) event.preventDefault(); });
    dialog.addEventListener("close", () => {
      if (button.disabled) { // browsers heed a second Escape whatever the page says
        dialog.showModal();
        return;
      }
      dialog.remove();
      reject(new Cancelled("Vous n'avez pas donné votre mot de passe."));
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = cancel.disabled = true; // pressed again, it would ask twice
      const message = await attempt(Object.fromEntries(new FormData(form)))
        .catch(() => "Le serveur ne répond pas ; réessayez.");
      button.disabled = cancel.disabled = false;
      error.textContent = message === null ? "" : typeset(message);
      error.hidden = message === null;
      if (message !== null) return;
      resolve();
      dialog.close();
    });
  });
}

function makeDialog(title, text, withUsername) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", title);
  dialog.innerHTML = `
    <form class="stack">
      <h2></h2><p></p>
      <label class="username">Identifiant <input name="username" autocomplete="username" required></label>
      <label>Mot de passe <input name="password" type="password" autocomplete="current-password" required></label>
      <p class="error" role="alert" hidden></p>
      <p class="actions"><button class="button primary">Continuer</button>
        <button type="button" class="button">Annuler</button></p>
    </form>`;
  dialog.querySelector("h2").textContent = typeset(title);
  dialog.querySelector("p").textContent = typeset(text);
  if (!withUsername) dialog.querySelector(".username").remove();
  return dialog;
}
