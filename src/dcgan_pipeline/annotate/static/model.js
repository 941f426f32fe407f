// What the server holds, and the only way to change it: nothing is shown as changed that is not saved.

export const facts = JSON.parse(document.getElementById("facts").textContent);

const GONE = "The server does not answer. What was saved is safe. Start it again, and open the address that it prints.";
const STALE = "Another tab had changed the annotations. They are shown as they are now; do your last step again.";

export class Refused extends Error {}

/** Ask the server; an answer that refuses is an error whose text says why. */
export async function ask(path, body) {
  const options =
    body === undefined
      ? {}
      : {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body),
        };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused(GONE);
  }
  if (response.ok || response.status === 409) return response;
  const text = await response.text();
  let line = response.status === 404 ? GONE : "The server failed; its terminal says why. What was saved is safe.";
  try {
    line = JSON.parse(text).error ?? line;
  } catch {
    /* no JSON */
  }
  throw new Refused(line);
}

class Model extends EventTarget {
  #last = Promise.resolve();
  #others = new BroadcastChannel("annotate");
  state = {
    revision: null,
    annotations: { concepts: {}, objects: {} },
    names: { concepts: [], objects: [] },
    undo: 0,
    redo: 0,
  };

  constructor() {
    super();
    this.#others.onmessage = (event) => event.data !== this.state.revision && this.load();
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.load());
  }

  /** Show the newest state: that of another tab, perhaps. */
  load() {
    return this.#after(async () => this.#take(await (await ask("state")).json()));
  }

  /** Change the annotations; `said` is what a person is told once it is saved. True where it is. */
  change(change, said) {
    return this.#send("change", () => ({ revision: this.state.revision, change }), said);
  }

  step(step) {
    if (!this.state[step]) return Promise.resolve(false);
    return this.#send("step", () => ({ revision: this.state.revision, step }), step === "undo" ? "Undone" : "Redone");
  }

  /** Names of a kind with what each has, in their order: an object of this language puts names of digits first. */
  names(kind) {
    return this.state.names[kind].map((name) => [name, this.state.annotations[kind][name]]);
  }

  held(kind, name) {
    const names = this.state.annotations[kind];
    return name !== null && Object.hasOwn(names, name) ? names[name] : null;
  }

  say(text, trouble = false) {
    this.dispatchEvent(new CustomEvent("said", { detail: { text, trouble } }));
  }

  #send(path, body, said) {
    return this.#after(async () => {
      const response = await ask(path, body());
      this.#take(await response.json());
      if (response.status === 409) throw new Refused(STALE);
      this.#others.postMessage(this.state.revision);
      this.say(said);
      return true;
    });
  }

  // One request after the other, so that each names the revision that the one before it made.
  #after(work) {
    this.#last = this.#last.then(work).catch((error) => {
      if (!(error instanceof Refused)) throw error;
      this.say(error.message, true);
      return false;
    });
    return this.#last;
  }

  #take(state) {
    if (state.revision === this.state.revision) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

export const model = new Model();
