// How the page talks to its server, and to nobody else.

const BUSY_TRIES = 5;
const NO_TOKEN = 4401; // the code that closes a socket

/** What the server refused, in its own words. */
export class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** The API. `askToken(refused)` gives a promise of a token, `tellBusy(seconds)` says how long a busy server is left alone. */
export class Server {
  #token = ""; // kept here and nowhere else
  #asked = null;

  constructor({ askToken, tellBusy }) {
    this.askToken = askToken;
    this.tellBusy = tellBusy;
  }

  model() {
    return this.#request("v1/model");
  }

  /** The result of one picture. */
  async predict(file) {
    const body = new FormData(); // a form, so that the server learns its name
    body.append("files", file);
    const [result] = await this.#request("v1/predict", { method: "POST", body });
    return result;
  }

  /** A socket for frames. `onAnswer` gets each answer, `onEnd` why there are no more; `onToken`: another socket is let in now. */
  stream({ onOpen, onAnswer, onToken, onEnd }) {
    const address = new URL("v1/stream", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const used = this.#token;
    const socket = new WebSocket(address, used ? ["posterv2", `bearer.${base64url(used)}`] : ["posterv2"]);
    socket.onopen = onOpen;
    socket.onmessage = ({ data }) => onAnswer(JSON.parse(data));
    socket.onclose = async ({ code }) => {
      if (code !== NO_TOKEN) return onEnd(endings[code] ?? "The connection to the server ended. Switch the camera on to go on.");
      await this.#newToken(used);
      onToken();
    };
    return socket;
  }

  /** Another token than `used`: asked for once, however many requests wait for it or come back with the old one. */
  async #newToken(used) {
    if (used !== this.#token) return;
    this.#asked ??= this.askToken(this.#token !== "");
    this.#token = await this.#asked;
    this.#asked = null;
  }

  async #request(path, options = {}) {
    for (let tries = 1; ; tries++) {
      const used = this.#token;
      const headers = used ? { Authorization: `Bearer ${used}` } : {};
      let response;
      try {
        response = await fetch(path, { ...options, headers });
      } catch {
        throw new Refusal("unreachable", "The server did not answer. See that it still runs, then try again.");
      }
      if (response.status === 401) {
        await this.#newToken(used);
      } else if (response.status === 429 && tries < BUSY_TRIES) {
        const seconds = Math.max(1, Number(response.headers.get("Retry-After")) || 1);
        this.tellBusy(seconds);
        await new Promise(done => setTimeout(done, 1000 * seconds));
      } else {
        return await read(response);
      }
    }
  }
}

const endings = {
  1013: "The server has as many cameras as it takes. Try again later.",
  4403: "The server takes a camera from its own page only.",
};

async function read(response) {
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const { code, message } = body?.error ?? {};
  throw new Refusal(code ?? "unknown", message ?? `The server answered with status ${response.status} and no reason.`);
}

function base64url(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
