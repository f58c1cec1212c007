import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { afterEach, before, beforeEach, test } from "node:test";

import { open, Server } from "./page.js";

const MIB = 1024 * 1024;
const server = new Server();
let tus = null;

before(async () => {
  open(await server.listen());
  server.http.unref();
  tus = await import("../../static/js/tus.js");
});

beforeEach(() => {
  Object.assign(server, { size: null, data: Buffer.alloc(0), requests: [], manner: () => false });
  localStorage.clear();
});

afterEach(() => server.http.closeIdleConnections());

function make(bytes, address = null) {
  const data = randomBytes(bytes);
  const states = [];
  const file = new File([data], "maj.ospi", { lastModified: 1 });
  return { data, states, upload: new tus.Upload(file, "/envois", (state) => states.push(state), address) };
}

test("the first slice is small, so that the server can refuse early; all bytes arrive", async () => {
  const { data, states, upload } = make(6 * MIB);
  const seen = [];
  await upload.run(() => seen.push(upload.offset));
  assert.deepEqual(seen, [MIB, 5 * MIB, 6 * MIB]);
  assert.ok(server.data.equals(data));
  assert.equal(states.at(-1).sent, 6 * MIB);
  assert.equal(tus.memory.find(upload.file), "/envois/1");
});

test("a line that is cut is taken up where the server stands", async () => {
  const { data, upload } = make(2 * MIB);
  let cuts = 1;
  server.manner = (asked) => {
    if (asked.method !== "PATCH" || cuts === 0) return false;
    cuts -= 1;
    asked.once("data", (chunk) => {
      server.data = chunk;
      asked.destroy();
    });
    return true;
  };
  await upload.run(() => {});
  assert.ok(server.data.equals(data));
  assert.ok(server.requests.includes("HEAD /envois/1"));
});

test("a server that is restarting is asked again", async () => {
  const { data, upload, states } = make(MIB);
  let failures = 1;
  server.manner = (asked, answer) => {
    if (asked.method !== "PATCH" || failures === 0) return false;
    failures -= 1;
    asked.resume();
    answer.writeHead(503, { "Content-Type": "application/json" }).end('{"message": "redémarrage"}');
    return true;
  };
  await upload.run(() => {});
  assert.ok(server.data.equals(data));
  assert.ok(states.some(({ phase, error }) => phase === "waiting" && error === "Redémarrage"));
});

test("a refusal is final, and says whether it is the archive's", async () => {
  const { upload } = make(2 * MIB);
  server.manner = (asked, answer) => {
    if (asked.method !== "PATCH") return false;
    asked.resume();
    answer.writeHead(422, { "Content-Type": "application/json" }).end('{"code": "unsigned", "message": "non signée"}');
    return true;
  };
  await assert.rejects(upload.run(() => {}), (error) => {
    assert.ok(error instanceof tus.Refused);
    assert.deepEqual([error.isVerdict, error.isGone, error.code, error.message], [true, false, "unsigned", "Non signée"]);
    return true;
  });
  assert.equal(server.requests.filter((line) => line.startsWith("PATCH")).length, 1);
});

test("an upload that the server knows goes on; one that it lost, or another file's, begins anew", async () => {
  const { data, upload } = make(2 * MIB, "/envois/1");
  Object.assign(server, { size: 2 * MIB, data: data.subarray(0, 700) });
  await upload.run(() => {});
  assert.ok(server.data.equals(data));
  assert.ok(server.requests.every((line) => !line.startsWith("POST")));
  assert.ok(server.requests.includes("PATCH /envois/1 700"));
  for (const known of [null, 12]) {
    const other = make(3000, "/envois/1");
    Object.assign(server, { size: known, data: Buffer.alloc(0), requests: [] });
    await other.upload.run(() => {});
    assert.ok(server.requests.some((line) => line.startsWith("POST")));
    assert.ok(server.data.equals(other.data));
  }
});

test("nothing is sent while it is suspended, and it goes on when it is resumed", async () => {
  const { data, upload, states } = make(6 * MIB);
  const ended = upload.run(() => {
    if (upload.offset === MIB) upload.pause();
  });
  while (!upload.paused) await new Promise((resolve) => { setImmediate(resolve); });
  const sent = server.requests.length;
  await fetch("/envois/1", { method: "HEAD" });
  assert.equal(server.requests.length, sent + 1);
  assert.equal(states.at(-1).phase, "paused");
  upload.resume();
  await ended;
  assert.ok(server.data.equals(data));
});

test("given up, it is gone from the server and from the browser's memory", async () => {
  const { upload } = make(6 * MIB);
  const ended = upload.run(() => upload.abandon());
  await ended;
  assert.equal(server.size, null);
  assert.equal(tus.memory.find(upload.file), null);
  assert.equal(upload.offset, MIB);
});

test("no rate is told before half a second of samples", () => {
  const { upload } = make(10);
  upload.samples = [{ at: 0, sent: 0 }, { at: 400, sent: 4000 }];
  assert.equal(upload.rate, null);
  upload.samples.push({ at: 2000, sent: 20000 });
  assert.equal(upload.rate, 10000);
});

test("behind a filter that lets only GET and POST pass, the method is said in a header", async () => {
  const { data, upload } = make(2 * MIB);
  const passed = [];
  server.manner = (asked, answer) => {
    passed.push(asked.method);
    if (["GET", "POST"].includes(asked.method)) return false;
    answer.removeHeader("X-OSPI-Supervisor");
    answer.writeHead(403, { "Content-Type": "text/html" }).end("<html>Methode interdite</html>");
    return true;
  };
  await upload.run(() => {});
  assert.ok(server.data.equals(data));
  assert.deepEqual(passed, ["POST", "PATCH", "POST", "POST"], "the filter is asked once only");
});

test("an answer of something on the way is told as what it is", async () => {
  const { states, upload } = make(MIB);
  let refusals = 2;
  server.manner = (asked, answer) => {
    refusals -= 1;
    if (refusals < 0) return false;
    answer.removeHeader("X-OSPI-Supervisor");
    answer.writeHead(403).end("non");
    return true;
  };
  await upload.run(() => {});
  assert.ok(states.some(({ error }) => error?.includes("à la place du Superviseur")));
});

test("a browser that denies storage sends all the same", async () => {
  const { data, upload } = make(MIB);
  const kept = globalThis.localStorage;
  Object.defineProperty(globalThis, "localStorage", { configurable: true, get() { throw new Error("denied"); } });
  try {
    await upload.run(() => {});
  } finally {
    Object.defineProperty(globalThis, "localStorage", { configurable: true, value: kept, writable: true });
  }
  assert.ok(server.data.equals(data));
});
