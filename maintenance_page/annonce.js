"use strict";
// The banner that tells of an interruption to come, on the platform's own pages:
//   <script src="/maintenance/annonce.js" defer></script>
// It reads annonce.json beside it, needs nothing else, and where anything is missing it shows nothing.
(() => {
  const PERIOD = 60000;
  const TIMEOUT = 10000;
  const HIDDEN = "ospi-annonce";
  let banner = null;

  const typeset = (text) => text.replace(/ (?=[:;!?»])/g, "\u00a0").replace(/« /g, "«\u00a0");
  // Hours are the server's own, as it wrote them: 2026-11-30T22:00:00+01:00. This machine's zone may be another.
  const clock = (text) => text.slice(11, 16).replace(":", " h ");
  const day = (text) => new Date(`${text.slice(0, 10)}T12:00:00Z`)
    .toLocaleDateString("fr-FR", { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" })
    .replace(/ 1 /, " 1er ");
  const duration = (minutes) => minutes < 60 ? `${minutes} minutes`
    : `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${String(minutes % 60).padStart(2, "0")}` : ""}`;

  function words(told) {
    const minutes = Math.round((Date.parse(told.until) - Date.parse(told.from)) / 60000);
    const message = told.message ? ` ${told.message}` : "";
    return typeset(`Mise à jour prévue ${day(told.from)}, à partir de ${clock(told.from)} : `
      + `la plateforme sera indisponible environ ${duration(minutes)}.${message}`);
  }

  function make(key) {
    const box = document.createElement("div");
    box.setAttribute("role", "status");
    box.id = "ospi-annonce";
    Object.assign(box.style, {
      position: "sticky", top: "0", zIndex: "2147483000", display: "flex", gap: "1rem", alignItems: "center",
      justifyContent: "space-between", padding: ".6rem 1rem", background: "#fff4d6", color: "#3d2c00",
      borderBottom: "1px solid #d9b85c", font: "1rem/1.45 system-ui, sans-serif", overflowWrap: "anywhere",
    });
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Masquer";
    Object.assign(button.style, {
      flex: "none", font: "inherit", color: "inherit", background: "transparent", border: "1px solid currentColor",
      borderRadius: ".4rem", padding: ".2rem .7rem", cursor: "pointer",
    });
    button.addEventListener("click", () => {
      remember(key);
      show({});
    });
    box.append(document.createElement("span"), button);
    return box;
  }

  function remember(key) {
    try {
      sessionStorage.setItem(HIDDEN, key);
    } catch { /* where nothing may be kept, it comes back with the next page */ }
  }

  function isHidden(key) {
    try {
      return sessionStorage.getItem(HIDDEN) === key;
    } catch {
      return false;
    }
  }

  function show(told, now = Date.now()) {
    const key = JSON.stringify(told);
    const due = told.from && told.until && now < Date.parse(told.until) && !isHidden(key);
    if (banner && banner.dataset.key !== key) {
      banner.remove();
      banner = null;
    }
    if (!due || banner) return;
    banner = make(key);
    banner.dataset.key = key;
    banner.firstChild.textContent = words(told);
    document.body.prepend(banner);
  }

  // AbortSignal.timeout is younger than the browsers of some hospitals.
  function timeLimit() {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), TIMEOUT);
    return controller.signal;
  }

  async function look() {
    try {
      const answer = await fetch("/maintenance/annonce.json", { cache: "no-store", redirect: "error", signal: timeLimit() });
      const told = answer.ok ? await answer.json() : {};
      show(told, Date.parse(answer.headers.get("Date") || "") || Date.now());
    } catch { /* the network, or no answer of ours: what is shown stays, and it asks again */ }
    setTimeout(look, PERIOD * (0.75 + Math.random() / 2)); // a thousand pages do not ask at once
  }
  if (window.fetch && window.AbortController) look();
})();
