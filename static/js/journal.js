// The journal of Suivi, line by line.

import { typeset } from "./words.js";

const KEPT = 2000; // lines; a reader who wants more has the log file

/** Add a line to the journal; one that is said again is told once, with how often. */
export function showJournal({ level, message: said, clock }) {
  const message = typeset(said);
  const journal = document.getElementById("journal");
  const last = journal.lastElementChild;
  if (last?.className === level && last.querySelector("span").textContent === message) {
    countAgain(last);
    return;
  }
  const line = document.createElement("li");
  line.className = level;
  const time = document.createElement("time");
  time.textContent = clock;
  const text = document.createElement("span");
  text.textContent = message;
  line.append(time, " ", text);
  const following = isAtItsEnd(journal);
  journal.append(line);
  if (journal.childElementCount > KEPT) journal.firstElementChild.remove();
  if (following) journal.scrollTop = journal.scrollHeight;
}

/** Keep `box` at its end from now on, when a window changes its size too, unless its reader has gone higher up. */
export function keepAtItsEnd(box) {
  let following = true;
  let size = sizeOf(box);
  box.addEventListener("scroll", () => {
    // Told of a scroll before a new size: the end has moved away meanwhile, and no reader with it.
    if (sizeOf(box) === size) following = isAtItsEnd(box);
  });
  new ResizeObserver(() => {
    size = sizeOf(box);
    if (following) box.scrollTop = box.scrollHeight;
  }).observe(box);
}

function sizeOf(box) {
  return `${box.clientWidth} ${box.clientHeight}`;
}

function countAgain(line) {
  const times = line.querySelector(".times") ?? document.createElement("span");
  times.className = "times muted";
  times.textContent = `× ${(Number.parseInt(times.textContent.slice(2), 10) || 1) + 1}`;
  line.append(times);
}

/** Whoever reads higher up is left there. */
function isAtItsEnd(box) {
  return box.scrollTop + box.clientHeight >= box.scrollHeight - 24;
}
