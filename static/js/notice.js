// The notice beside the box that says it was read: the box waits until the notice was shown, opened or downloaded.

/** Some browsers show no PDF inside a page, and phones get no frame at all. */
const isShown = (frame) => navigator.pdfViewerEnabled !== false && frame.getClientRects().length > 0;

/** Let `box` be ticked once the notice is there to be read; `changed` is called when that changes. */
export function wireNotice(box, changed) {
  const place = document.getElementById("notice");
  const frame = place.querySelector("iframe");
  if (!frame || isShown(frame)) return;
  frame.hidden = navigator.pdfViewerEnabled === false;
  place.querySelector(".no-reader").toggleAttribute("hidden", !frame.hidden);
  box.disabled = !box.checked;
  for (const link of place.querySelectorAll("a")) {
    link.addEventListener("click", () => {
      box.disabled = false;
      changed();
    });
  }
}
