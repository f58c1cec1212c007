import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { JSDOM } from "jsdom";

import { announce, sayBack, sayLost } from "../../static/js/spoken.js";

let place = null;
let notice = null;
let heard = [];

beforeEach(() => {
  const { window } = new JSDOM('<p id="annonce" role="status"></p><p id="liaison" hidden></p>');
  globalThis.document = window.document;
  [place, notice] = ["annonce", "liaison"].map((id) => window.document.getElementById(id));
  heard = [];
  const text = Object.getOwnPropertyDescriptor(window.Node.prototype, "textContent");
  Object.defineProperty(place, "textContent", { get: text.get, set(words) { heard.push(words); text.set.call(this, words); } });
});

test("the same words are told once", () => {
  for (const words of ["Sauvegarde", "Sauvegarde", "Migration"]) announce(words);
  assert.deepEqual(heard, ["Sauvegarde", "Migration"]);
});

test("a lost line is told once, whatever is shown of it, and so is its return", () => {
  sayLost(notice, "Interrompue", false);
  sayLost(notice, "Ne répond pas", false);
  assert.equal(notice.textContent, "Ne répond pas");
  assert.equal(notice.hidden, false);
  sayBack(notice);
  sayBack(notice);
  assert.equal(notice.hidden, true);
  assert.deepEqual(heard, ["Interrompue", "La liaison avec le Superviseur est rétablie."]);
});

test("what is urgent is told all the same", () => {
  sayLost(notice, "Ne répond pas", false);
  sayLost(notice, "Votre session est terminée", true);
  assert.deepEqual(heard, ["Ne répond pas", "Votre session est terminée"]);
  sayBack(notice);
});
