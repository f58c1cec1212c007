// The Import tab: sends the archive, shows what the server says of it, and asks for its installation.

import { askInDialog, csrfToken, reason, request } from "./session.js";
import { memory, Refused, Upload } from "./tus.js";
import { duration, size } from "./words.js";

const byId = (id) => document.getElementById(id);
const form = byId("archive-form");
const picker = byId("archive");
const card = byId("fiche");
const PHASES = { sending: "Envoi en cours", paused: "Suspendu", waiting: "Connexion coupée, nouvel essai…", done: "Reçu en entier" };
let upload = null;

picker.addEventListener("change", () => {
  const [file] = picker.files;
  if (file) send(file);
});
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("beforeunload", (event) => {
  if (upload && upload.offset < upload.file.size && !upload.stopped) event.preventDefault();
});
wireCard();

async function send(file) {
  if (upload) upload.stopped = true;
  const chosen = new Upload(file, form.dataset.uploads, show);
  upload = chosen;
  card.replaceChildren();
  byId("envoi-nom").textContent = file.name;
  byId("envoi").hidden = false;
  byId("inacheves")?.setAttribute("hidden", "");
  byId("pause").hidden = byId("abandon").hidden = false;
  try {
    await chosen.run(showCardOnce);
    if (chosen.stopped) return;
    if (byId("refus")) {
      memory.forget(file);
      byId("envoi").hidden = true;
      return;
    }
    show({ phase: "done", offset: file.size, size: file.size });
    await whenComplete();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    await showRefusal(chosen, error);
  } finally {
    if (chosen === upload) {
      picker.value = "";
      byId("pause").hidden = true;
    }
  }
}

function show({ phase, offset, size: total, rate }) {
  byId("envoi-barre").value = total ? (100 * offset) / total : 0;
  byId("envoi-etat").textContent = PHASES[phase];
  const parts = [`${size(offset)} sur ${size(total)}`];
  if (phase === "sending" && rate) parts.push(`${size(rate)}/s`, `encore ${duration((total - offset) / rate)}`);
  byId("envoi-detail").textContent = parts.join(" · ");
  byId("pause").textContent = phase === "paused" ? "Reprendre" : "Suspendre";
}

byId("pause").addEventListener("click", () => (upload.paused ? upload.resume() : upload.pause()));

byId("abandon").addEventListener("click", async () => {
  await upload.abandon();
  byId("envoi").hidden = true;
  card.replaceChildren();
  upload = null;
});

async function showRefusal(refused, error) {
  memory.forget(refused.file);
  byId("envoi").hidden = true;
  if (refused.address && await showCard(refused)) return;
  showError("Cette archive est refusée.", error.message);
}

function showError(title, message) {
  const box = document.createElement("div");
  box.className = "notice bad";
  box.setAttribute("role", "alert");
  const text = document.createElement("p");
  text.textContent = message;
  const strong = document.createElement("strong");
  strong.textContent = title;
  const inner = document.createElement("div");
  inner.append(strong, text);
  box.append(inner);
  card.prepend(box);
}

/** Show the verdict as soon as it is there, notice included, and then leave the reader in peace. */
async function showCardOnce(of) {
  if (!document.querySelector("#notice iframe")) await showCard(of);
}

/** Show what the server knows of an upload; whether it knew it. */
async function showCard(of) {
  const response = await request(`${form.dataset.uploads}/${of.id}/fiche`, { headers: { Accept: "text/html" } });
  if (!response.ok) return false;
  const before = byId("notice-read")?.checked;
  card.innerHTML = await response.text();
  if (before && byId("notice-read")) byId("notice-read").checked = true;
  wireCard();
  return true;
}

function wireCard() {
  const importForm = byId("import-form");
  if (!importForm) return;
  const [box, button] = [byId("notice-read"), byId("import-button")];
  const update = () => { button.disabled = !box.checked; };
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
  const post = (extra = {}) => request(importForm.action, {
    method: "POST",
    body: new URLSearchParams({ ...Object.fromEntries(new FormData(importForm)), csrf_token: csrfToken(), ...extra }),
  });
  let response = await post();
  let why = response.ok ? null : await reason(response);
  if (why?.code === "sign_in_again") {
    await askInDialog({
      title: "Confirmez votre identité",
      text: `${why.message}.`,
      attempt: async ({ password }) => {
        response = await post({ password });
        why = response.ok ? null : await reason(response);
        return why?.code === "sign_in_again" ? why.message : null;
      },
    }).catch(() => {});
  }
  if (!response.ok) {
    button.disabled = false;
    if (why.code !== "sign_in_again") showError("L'installation n'a pas pu être demandée.", why.message);
    return;
  }
  const follow = response.headers.get("Location");
  if (follow) leaveFor(follow);
  else if (upload) await showCard(upload);
}

/** Every byte is there: go to Suivi where « Importer » was pressed already. */
async function whenComplete() {
  memory.forget(upload.file);
  const known = await (await request(form.dataset.api + upload.id)).json();
  if (known.follow) leaveFor(known.follow);
}

function leaveFor(address) {
  if (upload) upload.stopped = true;
  window.location.assign(address);
}
