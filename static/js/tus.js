// A small client of the resumable upload protocol tus 1.0.0: one file, slice after slice, whatever is cut on the way.

import { Cancelled, Intercepted, reason, request } from "./session.js";
import { SILENCE, timeLimit } from "./transfer.js";

const FIRST_SLICE = 1024 * 1024; // enough for the server to refuse what the header can refuse
const SLICE = 4 * 1024 * 1024; // the server takes 8 MiB; half of that keeps its memory small and costs nothing
const LONGEST_WAIT = 30000;
const RATE_WINDOW = 10000;
const RATE_LEAST = 500;

const wait = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
const backOff = (attempt) => wait(Math.min(LONGEST_WAIT, 500 * 2 ** attempt) * (0.75 + Math.random() / 2));
const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** The server's refusal: sending on makes no sense. */
export class Refused extends Error {
  constructor({ status = 0, code, message }) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** Whether it is the archive that the server does not want, and not its sender or the moment. */
  get isVerdict() {
    return this.status === 422 || this.code === "too_large";
  }

  get isGone() {
    return this.status === 404 || this.status === 410;
  }
}

/**
 * Fetch fails in the same way for a cut line and for a file that went away: raises Refused for the latter.
 * @returns {Promise<never>}
 */
async function raiseUnreadable(slice, error) {
  await slice.arrayBuffer().catch(() => {
    throw new Refused({
      code: "unreadable",
      message: "Le fichier ne peut plus être lu : le support qui le contient a été retiré, ou le fichier a été déplacé ou"
        + " remplacé. Remettez-le en place, puis choisissez-le de nouveau : l'envoi reprendra où il s'est arrêté.",
    });
  });
  throw error;
}

/** Do `step` again until it succeeds, is refused or Cancelled, or `isOver()`: then null. */
export async function retry(step, isOver = () => false) {
  for (let attempt = 0; !isOver(); attempt += 1) {
    try {
      return await step();
    } catch (error) {
      if (error instanceof Refused || error instanceof Cancelled) throw error;
      await backOff(attempt);
    }
  }
  return null;
}

/** A browser that denies storage remembers nothing beyond this page, and sends all the same. */
function remembering(step) {
  try {
    return step();
  } catch {
    return null;
  }
}

/** Remembers in this browser where a file was being sent, so that a closed tab can go on. */
export const memory = {
  key: (file) => `televersement:${file.name}:${file.size}:${file.lastModified}`,
  find: (file) => remembering(() => localStorage.getItem(memory.key(file))),
  keep: (file, address) => remembering(() => localStorage.setItem(memory.key(file), address)),
  forget: (file) => remembering(() => localStorage.removeItem(memory.key(file))),
};

export class Upload {
  /**
   * `show(state)` is called whenever something changes: {phase, sent, size, rate, error}. `address` is where it goes
   * on, null to begin it.
   */
  constructor(file, endpoint, show, address = null) {
    this.file = file;
    this.endpoint = endpoint;
    this.show = show;
    this.address = address;
    this.offset = 0;
    this.paused = false;
    this.stopped = false;
    this.phase = "sending";
    this.samples = [];
    this.onlyPost = false;
    /** @type {AbortController | null} */
    this.exchange = null; // the slice at work
    /** @type {(value?: unknown) => void} */
    this.resumed = () => {};
  }

  /** Send all of it. Ends when every byte is there; raises Refused. */
  async run(afterSlice) {
    await this.#persist(() => this.#open());
    if (this.stopped) return;
    memory.keep(this.file, this.address);
    this.#report("sending");
    if (this.offset > 0 || this.file.size === 0) await this.#persist(() => afterSlice(this));
    while (this.offset < this.file.size && !this.stopped) {
      await this.#whilePaused();
      if (this.stopped) return;
      await this.#persist(() => this.#sendSlice());
      if (this.stopped) return;
      this.#report("sending");
      await this.#persist(() => afterSlice(this));
    }
  }

  /** At once: what has left of the slice at work is sent again later. */
  pause() {
    this.paused = true;
    this.exchange?.abort();
    this.#report();
  }

  resume() {
    this.paused = false;
    this.samples = [];
    this.#report();
    this.resumed();
  }

  /** Give it up, here and on the server, however long that takes; raises Refused. */
  async abandon() {
    this.stopped = true;
    this.resume();
    memory.forget(this.file);
    if (this.address) await retry(() => this.#remove());
  }

  get id() {
    return this.address.split("/").pop();
  }

  /** Bytes a second over the last seconds; null at first, when what has left says little of what arrives. */
  get rate() {
    if (this.samples.length < 2) return null;
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    return last.at - first.at > RATE_LEAST ? (1000 * (last.sent - first.sent)) / (last.at - first.at) : null;
  }

  /** Suspended, it is nothing else, whatever goes on meanwhile: a slice that ends, a line that is cut. */
  #report(phase = this.phase, error = null) {
    this.phase = phase;
    if (this.stopped) return;
    const sent = this.samples.at(-1)?.sent ?? this.offset;
    const shown = this.paused ? { phase: "paused", error: null } : { phase, error };
    this.show({ ...shown, sent, size: this.file.size, rate: this.rate });
  }

  async #whilePaused() {
    while (this.paused) await new Promise((resolve) => { this.resumed = resolve; });
  }

  /** Try again for as long as the connection or the server fails us; a refusal is final. */
  async #persist(step) {
    for (let attempt = 0; !this.stopped; attempt += 1) {
      try {
        if (attempt > 0 && this.address) await this.#findOffset();
        return await step();
      } catch (error) {
        if (error instanceof Refused) throw error;
        this.samples = [];
        await this.#waitAfter(error, attempt);
        await this.#whilePaused();
      }
    }
    return null;
  }

  /** Whoever does not sign in again is not asked again: they resume it when they like. */
  async #waitAfter(error, attempt) {
    if (error instanceof Cancelled) {
      this.pause();
      return;
    }
    if (this.paused) return; // it was cut on purpose
    // Others are the browser's: the line is cut, or nobody answers.
    const isServers = error.constructor === Error || error instanceof Intercepted;
    this.#report("waiting", isServers ? error.message : null);
    await backOff(attempt);
  }

  async #open() {
    if (this.address !== null && await this.#findOffset()) return;
    const response = await this.#ask(this.endpoint, "POST", {
      "Upload-Length": String(this.file.size),
      "Upload-Metadata": `filename ${base64(this.file.name)}`,
    });
    if (response.status !== 201) await this.#fail(response);
    this.address = new URL(response.headers.get("Location"), new URL(this.endpoint, document.baseURI)).pathname;
    this.offset = 0;
    if (this.stopped) await retry(() => this.#remove()); // it was given up meanwhile
  }

  /** Where the server stands; false where it no longer has this upload, or it is another file's. */
  async #findOffset() {
    const response = await this.#ask(this.address, "HEAD");
    if (response.status >= 500) throw new Error("Le serveur ne répond pas");
    if (response.status !== 200 || Number(response.headers.get("Upload-Length")) !== this.file.size) return false;
    this.offset = Number(response.headers.get("Upload-Offset"));
    return true;
  }

  async #sendSlice() {
    const end = Math.min(this.file.size, this.offset === 0 ? FIRST_SLICE : this.offset + SLICE);
    const slice = this.file.slice(this.offset, end);
    const headers = { "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(this.offset) };
    this.exchange = new AbortController();
    const { signal } = this.exchange;
    const options = { body: slice, signal, onProgress: (sent) => this.#sample(this.offset + sent) };
    const response = await this.#ask(this.address, "PATCH", headers, options)
      .catch((error) => raiseUnreadable(slice, error));
    if (response.status === 409 || response.status === 423) throw new Error("Le serveur se resynchronise");
    if (response.status !== 204) await this.#fail(response);
    this.offset = Number(response.headers.get("Upload-Offset"));
    this.#sample(this.offset);
  }

  /** `sent` bytes of the file have left by now. */
  #sample(sent) {
    const at = performance.now();
    if (sent < (this.samples.at(-1)?.sent ?? 0)) this.samples = []; // the same bytes leave once more
    this.samples.push({ at, sent });
    while (this.samples.length > 2 && at - this.samples[0].at > RATE_WINDOW) this.samples.shift();
    this.#report("sending");
  }

  async #remove() {
    const response = await this.#ask(this.address, "DELETE");
    if (response.status === 423) throw new Error("la tranche en cours se termine");
    if (!response.ok && response.status !== 404 && response.status !== 410) await this.#fail(response);
  }

  /**
   * Where something on the way lets only GET and POST pass, the method is said in a header (tus 1.0.0).
   * @param {Record<string, any>} options
   */
  async #ask(address, method, headers = {}, options = { signal: timeLimit(SILENCE) }) {
    const say = (as, more) =>
      request(address, { method: as, headers: { "Tus-Resumable": "1.0.0", ...headers, ...more }, ...options });
    const override = { "X-HTTP-Method-Override": method };
    if (this.onlyPost && method !== "POST") return say("POST", override);
    try {
      return await say(method, {});
    } catch (error) {
      if (!(error instanceof Intercepted) || !error.isRefusal || method === "POST") throw error;
      const answer = await say("POST", override);
      this.onlyPost = true;
      return answer;
    }
  }

  async #fail(response) {
    const why = await reason(response);
    if (response.status >= 500 && response.status !== 507) throw new Error(why.message);
    throw new Refused(why);
  }
}
