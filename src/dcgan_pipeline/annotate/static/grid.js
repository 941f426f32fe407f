// The samples: pages of them, those that are chosen, and those that a person has kept.

import { $, icon, make } from "./dom.js";
import { ask, facts, model, Refused } from "./model.js";
import { plain } from "./names.js";
import { keyOf, paint, same } from "./pictures.js";

const PAGE = 60; // samples
const LAST = 10 ** 6 - PAGE; // the server draws a stream from its beginning

export class Grid extends EventTarget {
  samples = []; // of the page
  #names;
  #start = 0;
  #kept = [];
  #shown = []; // what the cards are of
  #here = null; // the sample that is on the easel, or that play begins with
  #focus = 0;
  #asked = null; // the page that was asked for last

  constructor(names) {
    super();
    this.#names = names;
    facts.classes.forEach((name, k) => $("class").append(new Option(name, k)));
    $("class").prepend(new Option("all in turn", ""));
    $("class").value = "";
    $("class-part").hidden = !facts.classes.length;
    $("class").addEventListener("change", () => this.turn(0));
    $("page-back").addEventListener("click", () => this.turn(-PAGE));
    $("page-on").addEventListener("click", () => this.turn(PAGE));
    for (const radio of document.getElementsByName("show")) radio.addEventListener("change", () => this.show());
    $("grid").addEventListener("keydown", (event) => this.#move(event));
  }

  get here() {
    return this.#here ?? this.#shown[0] ?? null;
  }

  get all() {
    return document.querySelector("[name=show]:checked").value === "all";
  }

  /** Go to other samples; of several calls that are quicker than the server, the last one counts. */
  async turn(by) {
    const before = this.#start;
    const start = (this.#start = Math.min(Math.max(before + by, 0), LAST));
    const label = $("class").value === "" ? null : Number($("class").value);
    const asked = (this.#asked = {});
    try {
      const { z, labels } = await (await ask("samples", { start, count: PAGE, label })).json();
      if (this.#asked !== asked) return;
      this.samples = z.map((each, k) => ({ z: each, label: labels[k], called: `sample ${start + k}` }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#start = before;
      return model.say(error.message, true);
    }
    this.#here = this.samples[0];
    this.show();
    this.dispatchEvent(new Event("here"));
  }

  /** Put a picture of the field among the samples. */
  keep(sample) {
    this.#kept.unshift({ ...sample, called: `kept picture ${this.#kept.length + 1}` });
    document.querySelector("[name=show][value=all]").checked = true;
    this.show();
  }

  /** Take the sample that lies so many places on. */
  step(by) {
    const place = this.#shown.findIndex((sample) => this.here && same(sample, this.here));
    const next = this.#shown[place + by];
    if (next) this.take(next);
    else model.say(by > 0 ? "This is the last sample here; ] shows later ones" : "This is the first sample here");
  }

  take(sample) {
    this.#here = sample;
    this.show();
    this.dispatchEvent(new Event("here"));
  }

  show() {
    const { kind, current } = this.#names,
      mode = document.body.dataset.mode;
    const held = model.held(kind, current) ?? [];
    const chosen = new Map(held.map((each) => [keyOf(each), each]));
    const before = this.#shown.map(keyOf).join();
    this.#shown =
      this.all || mode === "play"
        ? [...this.#kept, ...this.samples]
        : held.map((sample, k) => this.#known(sample) ?? { ...plain(sample), called: `chosen sample ${k + 1}` });
    if (this.#shown.map(keyOf).join() !== before) this.#lay();
    this.#shown.forEach((sample, k) => this.#mark($("grid").children[k], sample, chosen, mode));
    this.#captions(mode, current, held);
  }

  #known(sample) {
    return [...this.#kept, ...this.samples].find((each) => same(each, sample));
  }

  #lay() {
    const inside = $("grid").contains(document.activeElement);
    this.#focus = Math.min(this.#focus, Math.max(this.#shown.length - 1, 0));
    $("grid").replaceChildren(
      ...this.#shown.map((sample, k) => {
        const canvas = make("canvas");
        canvas.width = canvas.height = facts.side;
        paint(canvas, sample);
        const badge = make("span", { className: "badge" }, icon("check"));
        return make(
          "button",
          {
            type: "button",
            className: "card",
            tabIndex: k === this.#focus ? 0 : -1,
            onclick: () => this.#press(sample, k),
            onfocus: () => this.#enter(k),
          },
          canvas,
          make("span", { className: "marks" }),
          badge,
        );
      }),
    );
    if (inside) $("grid").children[this.#focus]?.focus();
  }

  #mark(card, sample, chosen, mode) {
    const held = chosen.get(keyOf(sample));
    const here = mode !== "concepts" && this.here && same(sample, this.here);
    card.setAttribute("aria-pressed", String(mode === "concepts" ? Boolean(held) : Boolean(here)));
    card.classList.toggle("marked", mode === "objects" && Boolean(held));
    const said = [sample.called];
    if (sample.label !== null && sample.label !== undefined) said.push(`class ${facts.classes[sample.label]}`);
    if (mode === "objects" && held) said.push(held.boxes.length ? `${held.boxes.length} marked` : "none here");
    const mine =
      mode === "objects" ? [] : model.names("concepts").filter(([, all]) => all.some((each) => same(each, sample)));
    said.push(...mine.map(([name]) => name));
    card.setAttribute("aria-label", said.join(", "));
    card.title = said.join(", ");
    const dots = mine.map(([name]) => make("i", { className: `colour-${this.#names.colourOf("concepts", name)}` }));
    const count = mode === "objects" && held ? [make("b", {}, String(held.boxes.length))] : dots;
    card.querySelector(".marks").replaceChildren(...count);
  }

  #captions(mode, current, held) {
    const word = mode === "objects" ? "Marked" : "Chosen";
    $("chosen-label").textContent = current ? `${word} (${held.length})` : word;
    $("page").textContent = `${this.#start} to ${this.#start + PAGE - 1}`;
    document.querySelector(".pages").hidden = !this.all && mode !== "play";
    document.querySelector(".choice").hidden = mode === "play";
    $("page-back").disabled = this.#start === 0;
    $("page-on").disabled = this.#start >= LAST;
    $("grid-hint").textContent = {
      concepts: current ? `Click the exemplars of ${current}.` : "Name a concept, then click its exemplars.",
      objects: current
        ? `Take a sample, and draw boxes around each ${current} on it.`
        : "Name an object, then draw boxes around it.",
      play: "Take the sample to begin with.",
    }[mode];
  }

  #press(sample, k) {
    this.#enter(k);
    if (document.body.dataset.mode !== "concepts") return this.take(sample);
    const name = this.#names.current;
    if (!name) {
      model.say("Name a concept first, then click its exemplars", true);
      return $("new-name").focus();
    }
    const held = model.held("concepts", name),
      chosen = !held.some((each) => same(each, sample));
    const count = held.length + (chosen ? 1 : -1);
    model.change(
      { do: "choose", name, sample: plain(sample), chosen },
      `${name}: ${count} ${count === 1 ? "exemplar" : "exemplars"}`,
    );
  }

  #enter(k) {
    const cards = $("grid").children;
    if (cards[this.#focus]) cards[this.#focus].tabIndex = -1;
    this.#focus = k;
    if (cards[k]) cards[k].tabIndex = 0;
  }

  #move(event) {
    const columns = getComputedStyle($("grid")).gridTemplateColumns.split(" ").length;
    const last = this.#shown.length - 1;
    const to = {
      ArrowRight: this.#focus + 1,
      ArrowLeft: this.#focus - 1,
      ArrowDown: this.#focus + columns,
      ArrowUp: this.#focus - columns,
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (to >= 0 && to <= last) $("grid").children[to].focus();
  }
}
