// A request whose body is seen leaving, which fetch cannot show, and which is given up where nothing moves any more.

export const SILENCE = 60000; // a server at work on a busy disk stays silent for much less

/** A signal that gives an exchange up after so long; AbortSignal.timeout is not known to every browser in hospitals. */
export function timeLimit(milliseconds) {
  if (AbortSignal.timeout) return AbortSignal.timeout(milliseconds);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), milliseconds);
  return controller.signal;
}

/**
 * As fetch; `onProgress(bytes)` is told how much of the body has left. A TypeError, as fetch's, for a cut line.
 * @param {string} address
 * @param {Record<string, any>} options
 * @returns {Promise<Response>}
 */
export function transfer(address, { method, headers, body, onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const exchange = new XMLHttpRequest();
    let silence = null;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => exchange.abort(), SILENCE);
    };
    exchange.open(method, address);
    exchange.responseType = "blob";
    for (const [name, value] of Object.entries(headers)) exchange.setRequestHeader(name, value);
    exchange.upload.onprogress = ({ loaded }) => {
      heard();
      onProgress(loaded);
    };
    exchange.onload = () => resolve(answerOf(exchange));
    exchange.onerror = exchange.onabort = () => reject(new TypeError("cut"));
    exchange.onloadend = () => clearTimeout(silence);
    heard();
    signal?.addEventListener("abort", () => exchange.abort());
    exchange.send(body);
  });
}

function answerOf(exchange) {
  const headers = new Headers();
  for (const line of exchange.getAllResponseHeaders().trim().split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const body = exchange.status === 204 ? null : exchange.response; // a Response refuses a body to that status
  return new Response(body, { status: exchange.status, headers });
}
