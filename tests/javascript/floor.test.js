// The maintenance page must run in the browsers that hospitals still have: Chrome 88, Firefox 91, Safari 14. Newer
// syntax is what acorn does not read as ECMAScript 2020; newer objects and methods are named here, with the first
// version that has them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { parse } from "acorn";

const PAGES = ["index.html", "unavailable.html"].map((name) => new URL(`../../maintenance_page/${name}`, import.meta.url));
const YOUNGER = {
  any: "AbortSignal.any: Chrome 116",
  at: "Chrome 92",
  cause: "Chrome 93",
  findLast: "Chrome 97",
  findLastIndex: "Chrome 97",
  fromAsync: "Chrome 121",
  groupBy: "Chrome 117",
  hasOwn: "Chrome 93",
  isWellFormed: "Chrome 111",
  randomUUID: "Chrome 92",
  replaceAll: "Safari 13.1, kept out with the rest of ECMAScript 2021",
  showModal: "Firefox 98, Safari 15.4",
  structuredClone: "Chrome 98",
  throwIfAborted: "Chrome 100",
  timeout: "AbortSignal.timeout: Chrome 103, Firefox 100, Safari 16",
  toReversed: "Chrome 110",
  toSorted: "Chrome 110",
  toSpliced: "Chrome 110",
  withResolvers: "Chrome 119",
};

const scriptsOf = (html) => [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map((match) => match[1]);

/** The names of members and functions that a script uses. */
function* namesIn(node) {
  if (Array.isArray(node)) {
    for (const child of node) yield* namesIn(child);
  } else if (node && typeof node.type === "string") {
    if (node.type === "MemberExpression" && !node.computed) yield node.property.name;
    if (node.type === "CallExpression" && node.callee.type === "Identifier") yield node.callee.name;
    for (const child of Object.values(node)) yield* namesIn(child);
  }
}

const tooYoung = (script) => [...namesIn(parse(script, { ecmaVersion: 2020 }))].filter((name) => Object.hasOwn(YOUNGER, name));

for (const page of PAGES) {
  test(`${page.pathname.split("/").at(-1)} needs nothing that is younger than its floor`, () => {
    for (const script of scriptsOf(readFileSync(page, "utf8"))) assert.deepEqual(tooYoung(script), []);
  });
}

test("what is younger is found", () => {
  assert.deepEqual(tooYoung("fetch('', { signal: AbortSignal.timeout(9) }); [1].at(-1); structuredClone(1);"), [
    "timeout", "at", "structuredClone",
  ]);
  assert.throws(() => tooYoung("a ??= 1"), SyntaxError);
});
