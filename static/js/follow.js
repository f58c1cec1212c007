// Suivi, live: phases, progress, journal and the hooks' output, over Server-Sent Events, or by polling where
// no stream is to be had. Survives the restart of the web process; never loses or repeats an event.

import { Cancelled, HTML, request } from "./session.js";
import { duration } from "./words.js";

const POLL_EVERY = 2000;
const REFRESH_EVERY = 30000;
const OUTPUT_LINES = 200;
const SIGNED_OUT = "Votre session est terminée : cette page n'est plus à jour. Rechargez-la pour vous reconnecter.";
const SILENT = "Le superviseur ne répond pas pour l'instant ; nouvel essai.";
const GOES_ON = " La mise à jour continue.";
const WORKING = ["doing", "undoing"];

const root = document.getElementById("suivi");
const labels = JSON.parse(root.dataset.labels);
const link = document.getElementById("liaison");
let after = Number(root.dataset.after);
let source = null; // the stream, while the tab is seen
let polling = false;
let signedOut = false; // and who was asked to sign in again did not: not asked again
let asked = 0; // refreshes
let answered = 0; // the newest of them whose answer is shown

const byId = (id) => document.getElementById(id);
const row = (phase) => document.querySelector(`#phases [data-phase="${phase}"]`);
const state = () => byId("etat-contenu").dataset;
let ended = state().active !== "yes";
let ahead = Date.parse(state().now) - Date.now(); // of the server's clock, which need not agree with ours
/** After an intervention somebody else may take the update up again, or release its version. */
const mayChange = () => !signedOut && (!ended || state().status === "intervention");

/** A browser keeps six connections to a server for all its tabs: a tab that nobody sees gives its own back. */
function followWhileSeen() {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (mayChange()) {
    followOn();
    refresh();
  }
}

function followOn() {
  if (!ended && !signedOut && !source && !polling && !document.hidden) follow();
}

function follow() {
  const stream = new EventSource(`${root.dataset.events}?after=${after}`);
  source = stream;
  for (const kind of ["phase", "progress", "log", "end"]) {
    stream.addEventListener(kind, (message) => {
      receive(Number(message.lastEventId), kind, JSON.parse(message.data));
    });
  }
  stream.addEventListener("open", () => { link.hidden = true; });
  stream.addEventListener("error", () => {
    // CLOSED: the server has no stream to give, or nothing more to tell (or the session has ended, which polling finds out).
    const isRefused = stream.readyState === EventSource.CLOSED;
    if (isRefused) source = null;
    if (ended || signedOut) return;
    if (isRefused) poll();
    else say(`La liaison avec le superviseur est interrompue ; elle reprend d'elle-même.${GOES_ON}`);
  });
}

async function poll() {
  if (polling) return;
  polling = true;
  while (await readOn() || (!ended && !signedOut)) await new Promise((resolve) => { setTimeout(resolve, POLL_EVERY); });
  polling = false;
}

/** Read all that happened since; whether the server did not answer, and is to be asked again. */
async function readOn() {
  try {
    for (let more = true; more;) {
      const response = await request(`${root.dataset.events}?after=${after}`);
      if (!response.ok) throw new Error(`${response.status}`);
      link.hidden = true;
      const { events } = await response.json();
      for (const { id, event, data } of events) receive(id, event, data);
      more = events.length > 0;
    }
    return false;
  } catch (error) {
    sayWhy(error);
    return !signedOut;
  }
}

function receive(id, kind, data) {
  if (id <= after) return;
  after = id;
  if (kind === "phase") showPhase(data);
  else if (kind === "progress") showProgress(data);
  else if (kind === "log" && data.level === "output") showOutput(data.message);
  else if (kind === "log") showJournal(data);
  else if (kind === "end") {
    ended = true;
    answered = asked; // whatever was asked before knows nothing of it
    refresh();
  }
}

function showPhase({ phase, status, at }) {
  const item = row(phase);
  if (!item) return;
  item.dataset.status = status;
  item.querySelector(".status").textContent = labels[status];
  item.querySelector(".message").textContent = "";
  const spent = item.querySelector(".spent");
  if (WORKING.includes(status)) {
    spent.dataset.since = at;
    item.querySelector(".usual").classList.add("muted");
  } else {
    if (spent.dataset.since) spent.textContent = duration((new Date(at) - new Date(spent.dataset.since)) / 1000);
    delete spent.dataset.since;
  }
  setPercent(item, status === "done" ? 100 : status === "doing" ? 0 : Number(item.dataset.percent));
  if (status === "doing" && !byId("temps")?.dataset.since) refresh();
  if (phase === "maintenance") byId("annuler")?.remove();
}

function showProgress({ phase, percent, message = "" }) {
  const item = row(phase);
  if (!item) return;
  setPercent(item, percent);
  item.querySelector(".message").textContent = message;
}

function setPercent(item, percent) {
  item.dataset.percent = percent;
  item.querySelector("progress").value = percent;
  let total = 0;
  for (const { dataset } of document.querySelectorAll("#phases li")) {
    total += (Number(dataset.weight) * (WORKING.includes(dataset.status) || dataset.status === "pending" ? Number(dataset.percent) : 100)) / 100;
  }
  byId("total").value = total;
}

function showJournal({ level, message, clock }) {
  const line = document.createElement("li");
  line.className = level;
  const time = document.createElement("time");
  time.textContent = clock;
  const text = document.createElement("span");
  text.textContent = message;
  line.append(time, " ", text);
  const journal = byId("journal");
  const following = isAtItsEnd(journal);
  journal.append(line);
  if (following) journal.scrollTop = journal.scrollHeight;
}

/** Whoever reads higher up is left there. */
function isAtItsEnd(box) {
  return box.scrollTop + box.clientHeight >= box.scrollHeight - 24;
}

function showOutput(message) {
  const output = byId("sortie");
  const following = isAtItsEnd(output);
  byId("sortie-carte").hidden = false;
  output.textContent = [...output.textContent.split("\n"), ...message.split("\n")].filter(Boolean).slice(-OUTPUT_LINES).join("\n");
  if (following) output.scrollTop = output.scrollHeight;
}

/** The server's own account of it: outcome, expected time, whether a silence is normal. */
async function refresh() {
  asked += 1;
  const number = asked;
  try {
    const response = await request(root.dataset.state, { headers: HTML });
    if (!response.ok) throw new Error(`${response.status}`);
    const html = await response.text();
    if (number <= answered) return;
    answered = number;
    showState(html);
    link.hidden = true;
  } catch (error) {
    if (number < asked) return;
    sayWhy(error);
    if (ended && !signedOut) setTimeout(refresh, POLL_EVERY);
  }
}

function showState(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const next = template.content.getElementById("etat-contenu").dataset;
  const isNews = next.event !== state().event || next.status !== state().status;
  ended = next.active !== "yes";
  ahead = Date.parse(next.now) - Date.now();
  if (ended && !isNews) return; // somebody may be filling its forms in
  replaceState(template.content);
  byId("version").textContent = next.version;
  if (!ended) followOn();
  else if (Number(next.event) > after) poll(); // it was taken up again, and ended, unseen
}

/** What was open stays so, and the keyboard where it was. */
function replaceState(content) {
  const isCancelling = byId("annuler")?.open;
  const focused = document.activeElement;
  const isItsPlace = (element) => element.textContent === focused.textContent;
  const hadFocus = byId("etat").contains(focused);
  byId("etat").replaceChildren(content);
  if (isCancelling) byId("annuler")?.setAttribute("open", "");
  if (hadFocus) [...byId("etat").querySelectorAll(focused.tagName)].find(isItsPlace)?.focus({ preventScroll: true });
}

/** Why the server's answer did not come. */
function sayWhy(error) {
  signedOut ||= error instanceof Cancelled;
  say((signedOut ? SIGNED_OUT : SILENT) + (ended ? "" : GOES_ON));
}

function say(words) {
  link.textContent = words;
  link.hidden = false;
}

function tick() {
  for (const clock of document.querySelectorAll("[data-since]")) {
    clock.textContent = duration((Date.now() + ahead - new Date(clock.dataset.since)) / 1000);
  }
}

byId("sortie").scrollTop = byId("sortie").scrollHeight;
byId("journal").scrollTop = byId("journal").scrollHeight;
followOn();
document.addEventListener("visibilitychange", followWhileSeen);
setInterval(tick, 1000);
setInterval(() => { if (mayChange() && !document.hidden) refresh(); }, REFRESH_EVERY);
