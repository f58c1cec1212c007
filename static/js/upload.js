// The Import tab: sends the archive, shows what the server says of it, and asks for its installation.

import { wireNotice } from "./notice.js";
import { askInDialog, Cancelled, HTML, Intercepted, reason, request } from "./session.js";
import { announce } from "./spoken.js";
import { memory, Refused, retry, Upload } from "./tus.js";
import { duration, size, typeset } from "./words.js";

/** @type {(id: string) => any} elements of many kinds */
const byId = (id) => document.getElementById(id);
const form = byId("archive-form");
const picker = byId("archive");
const card = byId("fiche");
const PHASES = { sending: "Envoi en cours", paused: "Suspendu", waiting: "Connexion coupée, nouvel essai…", done: "Reçu en entier" };
const BEGIN_ANEW = "Il a été abandonné, ou il a expiré. Choisissez de nouveau le fichier pour l'envoyer depuis le début.";
const OTHER_ACCOUNT = "Rechargez cette page pour changer de compte, puis choisissez de nouveau le même fichier : l'envoi"
  + " reprendra où il s'est arrêté.";
const SIGNED_OUT = "L'archive est reçue en entier. Rechargez cette page pour vous reconnecter et pour voir la suite.";
let upload = null;

picker.addEventListener("change", sendChosen);
wireDrop(byId("depot"));
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("beforeunload", (event) => {
  if (!upload || upload.stopped || upload.offset === upload.file.size) return;
  event.preventDefault();
  event.returnValue = true; // for Chrome and Edge before 119
});
wireCard();
document.documentElement.classList.add("script"); // the script's own picker, once what serves it is there
if (picker.files.length > 0) sendChosen(); // before this script was there

function sendChosen() {
  const [file] = picker.files;
  picker.value = ""; // the same file may be chosen again
  if (file) send(file);
}

/** The file may be dropped as well as chosen. */
function wireDrop(zone) {
  const isFile = (event) => [...event.dataTransfer.types].includes("Files");
  const mark = (isOver) => zone.classList.toggle("over", isOver);
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => {
      if (!isFile(event)) return;
      event.preventDefault();
      mark(true);
    });
  }
  zone.addEventListener("dragleave", (event) => mark(zone.contains(event.relatedTarget)));
  zone.addEventListener("drop", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    mark(false);
    const [file] = event.dataTransfer.files;
    if (file) send(file);
  });
}

/** The steps above follow what the card shows. */
function showStep() {
  const shown = card.querySelector("[data-step]");
  const step = Number(shown?.dataset.step ?? (upload ? 2 : 1));
  [...byId("etapes").children].forEach((item, index) => {
    item.classList.toggle("done", index + 1 < step);
    item.classList.toggle("refused", index + 1 === step && shown?.dataset.refused !== undefined);
    if (index + 1 === step) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
}

async function send(file) {
  if (upload) upload.stopped = true;
  const address = listedAddress(file) ?? memory.find(file);
  const chosen = new Upload(file, form.dataset.uploads, show, address);
  upload = chosen;
  for (const id of ["a-reprendre", "autre-fichier"]) byId(id)?.toggleAttribute("hidden", address !== null);
  announce(address === null && byId("autre-fichier")?.textContent.trim() || "");
  card.replaceChildren();
  byId("envoi-nom").textContent = file.name;
  byId("envoi").hidden = false;
  byId("inacheves")?.setAttribute("hidden", "");
  byId("pause").hidden = byId("abandonner").open = false;
  show({ phase: "sending", sent: 0, size: file.size });
  try {
    await chosen.run(showCardOnce);
    if (chosen.stopped) return;
    if (byId("refus")) {
      memory.forget(file);
      byId("envoi").hidden = true;
      return;
    }
    show({ phase: "done", sent: file.size, size: file.size });
    await whenComplete(chosen);
  } catch (error) {
    if (chosen.stopped) return;
    if (error instanceof Cancelled) showError("Votre session est terminée.", SIGNED_OUT);
    else if (error instanceof Refused) await showRefusal(chosen, error);
    else throw error;
  } finally {
    if (chosen === upload) byId("pause").hidden = true;
  }
}

/** Where the upload of this very file goes on that the server lists, whichever computer began it; null without. */
function listedAddress(file) {
  const isIts = ({ dataset }) => dataset.name === file.name && Number(dataset.size) === file.size;
  /** @type {NodeListOf<HTMLElement>} */
  const uploads = document.querySelectorAll("[data-upload]");
  const listed = [...uploads].find(isIts);
  return listed ? `${form.dataset.uploads}/${listed.dataset.upload}` : null;
}

/** @param {{phase: string, sent: number, size: number, rate?: number | null, error?: string | null}} state */
function show({ phase, sent, size: total, rate, error }) {
  byId("envoi").dataset.phase = phase;
  byId("envoi-barre").value = total ? (100 * sent) / total : 0;
  const words = typeset(error ? `${error.replace(/\.$/, "")}. Nouvel essai…` : PHASES[phase]);
  if (byId("envoi-etat").textContent !== words) byId("envoi-etat").textContent = words; // else it would be read out anew
  const parts = [`${size(sent)} sur ${size(total)}`];
  if (phase === "sending" && rate) parts.push(`${size(rate)}/s`, `encore ${duration((total - sent) / rate)}`);
  byId("envoi-detail").textContent = typeset(parts.join(" · "));
  byId("pause").textContent = upload.paused ? "Reprendre" : "Suspendre";
}

byId("pause").addEventListener("click", () => (upload.paused ? upload.resume() : upload.pause()));

byId("abandon").addEventListener("click", async () => {
  const given = upload;
  upload = null;
  byId("envoi").hidden = true;
  card.replaceChildren();
  announce("");
  await given.abandon().catch((error) => showError("L'envoi n'a pas pu être abandonné.", error.message));
});

/** What is no verdict on the archive leaves the browser's memory of it: the same file, chosen again, goes on. */
async function showRefusal(refused, error) {
  refused.stopped = true;
  byId("envoi").hidden = true;
  if (error.isVerdict || error.isGone) memory.forget(refused.file);
  if (error.isGone) {
    card.replaceChildren();
    showError("Cet envoi n'existe plus.", BEGIN_ANEW);
  } else if (!error.isVerdict) {
    showError("L'envoi s'est arrêté.", error.status === 403 ? `${error.message}. ${OTHER_ACCOUNT}` : error.message);
  } else if (!refused.address || !await showCard(refused).catch(() => false)) {
    showError("Cette archive est refusée.", error.message);
  }
}

function showError(title, message) {
  const box = document.createElement("div");
  box.className = "notice bad";
  box.setAttribute("role", "alert");
  const text = document.createElement("p");
  text.textContent = typeset(message);
  const strong = document.createElement("strong");
  strong.textContent = typeset(title);
  const inner = document.createElement("div");
  inner.append(strong, text);
  box.append(inner);
  const place = byId("import-error") ?? card; // beside what was pressed
  place.querySelector(":scope > [role=alert]")?.remove();
  place.prepend(box);
  box.scrollIntoView({ block: "nearest" });
}

/** Show the verdict as soon as it is there, notice included, and then leave the reader in peace. */
async function showCardOnce(of) {
  if (!document.querySelector("#notice iframe")) await showCard(of);
}

/** Show what the server knows of the chosen upload; false where it is no longer the chosen one, or unknown. */
function showCard(of) {
  return loadCard(of.id, () => of === upload);
}

async function loadCard(id, isWanted) {
  const response = await request(`${form.dataset.uploads}/${id}/fiche`, { headers: HTML });
  if (!response.ok || !isWanted()) return false;
  const html = await response.text();
  if (!isWanted()) return false;
  /** @type {NodeListOf<HTMLInputElement>} */
  const before = card.querySelectorAll("#import-form input[id]");
  card.innerHTML = html;
  for (const { id: name, checked, value } of before) if (byId(name)) Object.assign(byId(name), { checked, value });
  wireCard();
  /** @type {HTMLElement} */
  const teller = card.querySelector("[data-said]");
  announce(teller?.dataset.said ?? "");
  return true;
}

function wireCard() {
  showStep();
  card.querySelector("[data-refused]")?.scrollIntoView({ block: "nearest" }); // whole, and above a phone's menu
  const importForm = byId("import-form");
  if (!importForm) return;
  const [box, button] = [byId("notice-read"), byId("import-button")];
  const usual = byId("import-why").textContent;
  const update = () => {
    button.disabled = !box.checked;
    const todo = box.disabled ? "Ouvrez ou téléchargez d'abord la notice." : "Lisez la notice, puis cochez « J'ai lu la notice ».";
    byId("import-why").textContent = box.checked ? usual : typeset(todo);
  };
  wireNotice(box, update);
  for (const name of ["switch", "start"]) {
    byId(`${name}-at`)?.addEventListener("input", () => { byId(`when-${name}`).checked = true; });
  }
  box.addEventListener("change", update);
  update();
  importForm.addEventListener("submit", (event) => {
    event.preventDefault();
    startImport(importForm);
  });
}

async function startImport(importForm) {
  const button = byId("import-button");
  button.disabled = true;
  try {
    await askForImport(importForm);
  } catch (error) {
    button.disabled = false;
    const isExplained = [Refused, Cancelled, Intercepted].some((kind) => error instanceof kind);
    const message = isExplained ? error.message : "Le serveur n'a pas répondu ; réessayez.";
    showError("L'installation n'a pas pu être demandée.", message);
  }
}

/** Raises Refused with the server's words, or whatever cut the connection. */
async function askForImport(importForm) {
  const chosen = upload;
  const response = await postImport(importForm);
  if (!response.ok) throw new Refused(await reason(response));
  const follow = response.headers.get("Location");
  if (follow) leaveFor(follow);
  else await retry(() => loadCard(importForm.action.split("/").at(-2), () => chosen === upload));
}

/** The server's answer; the password is asked for where it wants it again. */
async function postImport(importForm) {
  const fields = new FormData(importForm);
  for (const name of ["switch", "start"]) if (fields.get("when") !== name) fields.delete(`${name}_at`); // no longer meant
  fields.delete("csrf_token"); // the header carries the one in force when it is sent
  const [address] = importForm.action.split("#"); // the part is for browsers without this script
  const post = () => request(address, {
    method: "POST",
    body: new URLSearchParams(/** @type {any} */ (fields)),
    confirms: fields.has("password"),
  });
  const asksAgain = async (answer) => {
    const why = answer.ok ? null : await reason(answer.clone());
    return why?.code === "sign_in_again" ? why.message : null;
  };
  let response = await post();
  const text = await asksAgain(response);
  if (text === null) return response;
  await askInDialog({
    title: "Confirmez votre identité",
    text: `${text}.`,
    attempt: async ({ password }) => {
      fields.set("password", password);
      response = await post();
      return asksAgain(response);
    },
  });
  return response;
}

/** Every byte is there: go to Suivi where « Importer » was pressed already, or say why that led nowhere. */
async function whenComplete(chosen) {
  memory.forget(chosen.file);
  const known = await retry(() => askState(chosen), () => chosen !== upload);
  if (known === null || chosen !== upload) return;
  if (known.follow) leaveFor(known.follow);
  else if (known.import_requested) await retry(() => showCard(chosen), () => chosen !== upload);
}

async function askState(of) {
  const response = await request(form.dataset.api + of.id);
  if (response.ok) return response.json();
  const why = await reason(response);
  throw response.status >= 500 ? new Error(why.message) : new Refused(why);
}

function leaveFor(address) {
  if (upload) upload.stopped = true;
  window.location.assign(address);
}
