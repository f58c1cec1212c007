// What whoever cannot see the page is told: each page has a place for it from the start, since what appears together
// with its words is not heard.

import { typeset } from "./words.js";

const IS_BACK = "La liaison avec le Superviseur est rétablie.";
let lost = false; // the line, as far as was told

/** Told once, however often it is said. */
export function announce(words) {
  const place = document.getElementById("annonce");
  if (place.textContent !== words) place.textContent = words;
}

/** Show in `notice` why the server is not heard. It is told once until it is heard again, unless it is `urgent`. */
export function sayLost(notice, words, urgent) {
  notice.textContent = typeset(words);
  notice.hidden = false;
  if (!lost || urgent) announce(notice.textContent);
  lost = true;
}

/** The server is heard again: whoever was told that it was not is told that, too. */
export function sayBack(notice) {
  if (lost) announce(IS_BACK);
  lost = false;
  notice.hidden = true;
}
