// A page in jsdom over a real HTTP server that speaks as much tus as an upload needs, with a test's bad manners.

import { createServer } from "node:http";

import { JSDOM, VirtualConsole } from "jsdom";

const PAGE = '<meta name="csrf-token" content="jeton"><meta name="sign-in" content="/connexion">';
const BROWSERS = ["window", "document", "localStorage", "XMLHttpRequest", "File", "Event"];

/** What arrived at the server. `manner(request, response, state)` answers in its own way and says true. */
export class Server {
  constructor() {
    this.data = Buffer.alloc(0);
    this.size = null; // of the upload it knows
    this.requests = [];
    this.manner = () => false;
    this.http = createServer((asked, answer) => this.#receive(asked, answer));
  }

  async listen() {
    await new Promise((resolve) => { this.http.listen(0, "127.0.0.1", resolve); });
    return `http://127.0.0.1:${this.http.address().port}/`;
  }

  close() {
    this.http.closeAllConnections();
    this.http.close();
  }

  async #receive(asked, answer) {
    const { method, headers } = asked;
    this.requests.push(`${method} ${asked.url} ${headers["upload-offset"] ?? ""}`.trim());
    answer.setHeader("X-OSPI-Supervisor", "1");
    if (this.manner(asked, answer, this)) return;
    const chunks = [];
    for await (const chunk of asked) chunks.push(chunk);
    const meant = headers["x-http-method-override"] ?? method;
    const [status, told] = this.#answer(meant, headers, Buffer.concat(chunks));
    answer.writeHead(status, told).end();
  }

  #answer(method, headers, body) {
    if (method === "POST") {
      this.size = Number(headers["upload-length"]);
      this.data = Buffer.alloc(0);
      return [201, { Location: "/envois/1" }];
    }
    if (this.size === null) return [404, {}];
    if (method === "DELETE") {
      this.size = null;
      return [204, {}];
    }
    if (method === "PATCH") {
      if (Number(headers["upload-offset"]) !== this.data.length) return [409, {}];
      this.data = Buffer.concat([this.data, body]);
    }
    const state = { "Upload-Offset": this.data.length, "Upload-Length": this.size };
    return [method === "HEAD" ? 200 : 204, state];
  }
}

/** Make this process a browser on the server's page: what pages' scripts find in theirs. */
export function open(address) {
  const repeat = globalThis.setInterval;
  globalThis.setInterval = (...asked) => repeat(...asked).unref(); // a page's clock never ends: node must not wait for it
  const { window } = new JSDOM(PAGE, { url: address, virtualConsole: new VirtualConsole() });
  for (const name of BROWSERS) globalThis[name] = window[name] ?? window;
  globalThis.Response = class extends Response {
    constructor(body, options) { // node's Response cannot read jsdom's Blob
      super(body instanceof window.Blob ? bytesOf(body, window) : body, options);
    }
  };
  const outside = globalThis.fetch;
  globalThis.fetch = (target, options) => outside(new URL(target, address), options);
}

function bytesOf(blob, window) {
  return new ReadableStream({
    start(controller) {
      const reader = new window.FileReader();
      reader.onload = () => {
        controller.enqueue(new Uint8Array(reader.result));
        controller.close();
      };
      reader.readAsArrayBuffer(blob);
    },
  });
}
