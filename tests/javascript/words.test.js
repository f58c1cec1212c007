import assert from "node:assert/strict";
import { test } from "node:test";

import { duration, size } from "../../static/js/words.js";

test("sizes are told in French units", () => {
  const said = [0, 999, 1000, 1_250_000, 3.07e9].map((bytes) => size(bytes));
  assert.deepEqual(said, ["0 octet", "999 octets", "1 ko", "1,3 Mo", "3,1 Go"]);
});

test("durations are told to the second, or to the minute beyond an hour", () => {
  const table = { 0: "0 s", 0.4: "moins de 1 s", 59.4: "59 s", 60: "1 min 00 s", 3599: "59 min 59 s", 3600: "1 h 00 min", 7512: "2 h 05 min" };
  for (const [seconds, text] of Object.entries(table)) assert.equal(duration(Number(seconds)), text);
});

test("a clock that is ahead makes no negative duration", () => {
  assert.equal(duration(-3), "0 s");
});
