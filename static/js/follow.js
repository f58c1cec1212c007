// Suivi, live: phases, progress, journal and the hooks' output, over Server-Sent Events, or by polling where
// no stream is to be had. Survives the restart of the web process; never loses or repeats an event.

import { keepAtItsEnd, showJournal } from "./journal.js";
import { patch } from "./patch.js";
import { Cancelled, HTML, request } from "./session.js";
import { announce, sayBack, sayLost } from "./spoken.js";
import { timeLimit } from "./transfer.js";
import { duration, typeset } from "./words.js";

const POLL_EVERY = 2000;
const REFRESH_EVERY = 30000;
const OUTPUT_LINES = 200, DRAW_EVERY = 100;
const SIGNED_OUT = "Votre session est terminée : cette page n'est plus à jour. Rechargez-la pour vous reconnecter.";
const SILENT = "Le Superviseur ne répond pas pour l'instant ; nouvel essai.";
const GOES_ON = " La mise à jour continue.";
const CUT = `La liaison avec le Superviseur est interrompue ; elle reprend d'elle-même.${GOES_ON}`;
const BEAT = 10000; // the server's heartbeat
const ANSWER = 20000;
const HALF_OPEN = 2.2 * BEAT; // a line on which nothing comes any more, though nothing says that it is cut
const QUICK = 2000; // each new try may be given another of the browser's idle connections, which are as dead
const QUICK_TRIES = 5;
const WORKING = ["doing", "undoing"];

/** @type {(id: string) => any} elements of many kinds */
const byId = (id) => document.getElementById(id);
const root = byId("suivi");
const labels = JSON.parse(root.dataset.labels);
const link = document.getElementById("liaison");
const folded = document.querySelectorAll("#terminees li").length; // none joins them under the reader's eyes
let lines = byId("sortie").textContent.split("\n").filter(Boolean); // the newest of what hooks print
let after = Number(root.dataset.after);
let heard = Date.now(); // when the stream last gave a sign of life
let tries = 0; // to have a line that is alive
let source = null; // the stream, while the tab is seen
let polling = false;
let signedOut = false; // and who was asked to sign in again did not: not asked again
let asked = 0; // refreshes
let answered = 0; // the newest of them whose answer is shown
let newest = null; // the newest progress that was heard, with its event's number

/** @returns {HTMLElement | null} */
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
  heard = Date.now();
  stream.addEventListener("beat", hear);
  for (const kind of ["phase", "progress", "log", "hour", "end"]) {
    stream.addEventListener(kind, (message) => {
      receive(Number(message.lastEventId), kind, JSON.parse(message.data));
    });
  }
  stream.addEventListener("open", hear);
  stream.addEventListener("error", () => {
    // CLOSED: the server has no stream to give, or nothing more to tell (or the session has ended, which polling finds out).
    const isRefused = stream.readyState === EventSource.CLOSED;
    if (isRefused) source = null;
    if (ended || signedOut) return;
    if (isRefused) poll();
    else sayLost(link, CUT, false);
  });
}

function hear() {
  heard = Date.now();
  if (tries > 0) refresh(); // what was asked on a dead line is not answered
  tries = 0;
  sayBack(link);
}

/** A firewall that forgot the connection tells nobody: after two missed beats another is opened. */
function replaceHalfOpen() {
  const patience = tries > 0 && tries <= QUICK_TRIES ? QUICK : HALF_OPEN;
  if (!source || ended || Date.now() - heard < patience) return;
  tries += 1;
  source.close();
  source = null;
  sayLost(link, CUT, false);
  followOn();
  refresh();
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
      sayBack(link);
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
  heard = Date.now();
  if (id <= after) return;
  after = id;
  if (byId("silence")) refreshSoon();
  if (kind === "phase") showPhase(data);
  else if (kind === "progress") {
    newest = { id, data };
    showProgress(data);
  }
  else if (kind === "log" && data.level === "output") showOutput(data.message);
  else if (kind === "log") showJournal(data);
  else if (kind === "hour") {
    showJournal(data);
    refresh();
  }
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
  /** @type {HTMLElement} */
  const spent = item.querySelector(".spent");
  if (WORKING.includes(status)) {
    spent.dataset.since = at;
    item.querySelector(".usual").classList.add("muted");
  } else {
    if (spent.dataset.since) spent.textContent = typeset(duration((Date.parse(at) - Date.parse(spent.dataset.since)) / 1000));
    delete spent.dataset.since;
  }
  setPercent(item, status === "done" ? 100 : status === "doing" ? 0 : Number(item.dataset.percent));
  const segment = document.querySelector(`[data-segment="${phase}"]`);
  if (segment) segment.className = status;
  refreshSoon();
  if (phase === "maintenance") for (const id of ["annuler", "heure", "bandeau"]) byId(id)?.style.setProperty("visibility", "hidden");
}

function showProgress({ phase, percent, message = "" }) {
  const item = row(phase);
  if (!item) return;
  setPercent(item, percent);
  const said = typeset(message);
  item.querySelector(".message").textContent = said;
  if (byId("dit")?.dataset.of === phase) byId("dit").textContent = said;
}

function setPercent(item, percent) {
  item.dataset.percent = percent;
  item.querySelector("progress").value = percent;
  let total = 0;
  /** @type {NodeListOf<HTMLElement>} */
  const items = document.querySelectorAll("#phases li");
  for (const { dataset } of items) {
    total += (Number(dataset.weight) * (WORKING.includes(dataset.status) || dataset.status === "pending" ? Number(dataset.percent) : 100)) / 100;
  }
  byId("total").value = total;
  if (state().bar !== "forward") return;
  byId("anneau")?.setAttribute("stroke-dasharray", `${total.toFixed(1)} 100`);
  if (byId("pourcent")) byId("pourcent").textContent = typeset(`${Math.round(total)} %`);
  showInTab();
}

function showOutput(message) {
  byId("sortie-carte").hidden = false;
  lines = [...lines, ...message.split("\n")].filter(Boolean).slice(-OUTPUT_LINES);
  drawing ??= setTimeout(showLines, DRAW_EVERY); // however many come meanwhile, they are drawn once
}

let drawing = null;

function showLines() {
  drawing = null;
  const output = byId("sortie");
  const wanted = byId("filtre").value.trim().toLowerCase();
  output.textContent = lines.filter((line) => line.toLowerCase().includes(wanted)).join("\n");
  if (byId("suivre").checked) output.scrollTop = output.scrollHeight;
}

let soon = null;

/** Phases follow each other quickly: one look at the server's account serves for several. */
function refreshSoon() {
  soon ??= setTimeout(() => { soon = null; refresh(); }, 250);
}

/** The server's own account of it: outcome, expected time, whether a silence is normal. */
async function refresh() {
  asked += 1;
  const number = asked;
  try {
    const response = await request(`${root.dataset.state}?plies=${folded}`, { headers: HTML, signal: timeLimit(ANSWER) });
    if (!response.ok) throw new Error(`${response.status}`);
    const html = await response.text();
    if (number <= answered) return;
    answered = number;
    if (ended) sayBack(link);
    else link.hidden = true; // the stream says when it is there again
    showState(html);
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
  if (newest?.id > Number(next.event)) showProgress(newest.data); // written after the server had looked
  byId("version").textContent = next.version;
  if (!ended) followOn();
  else if (Number(next.event) > after) poll(); // it was taken up again, and ended, unseen
}

/** Only what differs changes; whoever cannot see the page hears the new title, once. */
function replaceState(content) {
  const title = state().title;
  const next = content.getElementById("etat-contenu");
  patch(byId("etat-contenu"), next);
  if (state().title !== title) announce(state().title);
  showInTab();
}

/** The tab's title tells what happens, also behind other tabs. */
function showInTab() {
  const { title, active, bar, pill } = state();
  const percent = bar === "forward" ? typeset(`${Math.round(byId("total").value)} % · `) : "";
  for (const inMenu of document.querySelectorAll(".menu .pill")) inMenu.textContent = pill;
  document.title = `${active === "yes" ? percent : ""}${title} · Superviseur OSPI`;
}

/** Why the server's answer did not come. */
function sayWhy(error) {
  signedOut ||= error instanceof Cancelled;
  sayLost(link, (signedOut ? SIGNED_OUT : SILENT) + (ended ? "" : GOES_ON), signedOut);
}

function tick() {
  /** @type {NodeListOf<HTMLElement>} */
  const clocks = document.querySelectorAll("[data-since]");
  for (const clock of clocks) {
    clock.textContent = typeset(duration((Date.now() + ahead - Date.parse(clock.dataset.since)) / 1000));
  }
}

showLines();
showInTab();
document.documentElement.classList.add("script");
setInterval(replaceHalfOpen, 1000);
for (const box of ["journal", "sortie"]) keepAtItsEnd(byId(box));
followOn();
byId("filtre").addEventListener("input", showLines);
document.addEventListener("visibilitychange", followWhileSeen);
setInterval(tick, 1000);
setInterval(() => { if (mayChange() && !document.hidden) refresh(); }, REFRESH_EVERY);
