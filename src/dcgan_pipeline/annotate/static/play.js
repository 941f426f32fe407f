// Playing with z: sliders along directions, and a field whose two axes are directions; the picture follows.

import { $, fill, icon, make, refill } from "./dom.js";
import { ask, facts, model, Refused } from "./model.js";
import { meanOf, moved, rowOf, show } from "./pictures.js";

const MAP = 7; // pictures a side of the field
const OWN = 6; // sliders of a kind that are there without being asked for
const REACH = 1.5; // of a slider, in differences of means

export class Play {
  #grid;
  #amounts = new Map(); // of sliders, by the id of their direction
  #added = []; // ids of directions
  #removed = new Set();
  #plane = [];
  #number = 0;
  #busy = null; // what is being drawn, and whether another picture is wanted when that is done
  #again = false;
  #mapOf = "";
  #means = new Map();
  #meansOf = null; // the state

  constructor(grid) {
    this.#grid = grid;
    $("add-slider").addEventListener("submit", (event) => this.#add(event));
    $("another").addEventListener("click", () => this.#turn());
    $("reset").addEventListener("click", () => this.#reset());
    $("keep").addEventListener("click", () => this.#keep());
    for (const id of ["x", "y"]) $(id).addEventListener("input", () => this.#follow());
    for (const id of ["axis-x", "axis-y"]) $(id).addEventListener("change", () => this.#follow());
    const field = $("field");
    field.addEventListener("pointermove", (event) => this.#under(event));
    field.addEventListener("pointerdown", (event) => (field.setPointerCapture(event.pointerId), this.#under(event)));
  }

  async show() {
    if (!this.#plane.length) await this.#turn();
    this.#lists();
    this.#sliders();
    this.#follow();
  }

  // ---- directions

  /** Concepts that have exemplars, a person's and those that a model found: by id, their name and mean. */
  get #concepts() {
    if (this.#meansOf !== model.state) {
      const own = model.names("concepts").map(([name, held]) => [`own:${name}`, name, held]);
      const found = Object.entries(facts.found).map(([name, held]) => [`found:${name}`, `${name} (found)`, held]);
      const all = [...own, ...found].filter(([, , held]) => held.length);
      this.#means = new Map(all.map(([id, name, held]) => [id, { name, mean: meanOf(held).z }]));
      this.#meansOf = model.state;
    }
    return this.#means;
  }

  /** The vector from the mean of one concept to that of another; null where one is gone. */
  #direction(id) {
    if (id === "random:0" || id === "random:1") return this.#plane[Number(id.at(-1))];
    const [from, to] = id.split(">").map((each) => this.#concepts.get(each));
    return from && to ? to.mean.map((number, k) => number - from.mean[k]) : null;
  }

  #called(id) {
    if (id.startsWith("random:")) return id === "random:0" ? "random 1" : "random 2";
    return id
      .split(">")
      .map((each) => this.#concepts.get(each)?.name)
      .join(" → ");
  }

  /** Both ends of what a model found: from low to high, and from without to with. */
  get #ends() {
    const ids = this.#concepts;
    return Object.keys(facts.found)
      .map((name) => [name.startsWith("high_") ? `low_${name.slice(5)}` : `no_${name}`, name])
      .map((pair) => pair.map((name) => `found:${name}`))
      .filter(([from, to]) => ids.has(from) && ids.has(to))
      .map((pair) => pair.join(">"));
  }

  /** Ids of the sliders: a person's own pairs, ends that a model found, and those that were asked for. */
  get #shown() {
    const own = [...this.#concepts.keys()].filter((id) => id.startsWith("own:"));
    const pairs = own.flatMap((from, k) => own.slice(k + 1).map((to) => `${from}>${to}`)).slice(0, OWN);
    const all = [...new Set([...pairs, ...this.#ends.slice(0, OWN), ...this.#added])];
    return all.filter((id) => !this.#removed.has(id) && this.#direction(id));
  }

  #lists() {
    const concepts = [...this.#concepts].map(([id, { name }]) => [id, name]);
    fill($("from"), concepts);
    fill($("to"), concepts);
    if ($("from").value === $("to").value && concepts[1])
      $("to").value = concepts.find(([id]) => id !== $("from").value)[0];
    $("add-slider").hidden = concepts.length < 2;
    $("no-directions").hidden = concepts.length > 1;
    const axes = ["random:0", "random:1", ...this.#shown].map((id) => [id, this.#called(id)]);
    fill($("axis-x"), axes);
    fill($("axis-y"), axes, $("axis-y").value || "random:1");
  }

  #add(event) {
    event.preventDefault();
    const [from, to] = [$("from").value, $("to").value];
    if (from === to) return model.say("A direction leads from one concept to another; choose two", true);
    this.#added.push(`${from}>${to}`);
    this.#removed.delete(`${from}>${to}`);
    this.show();
  }

  #sliders() {
    const ids = this.#shown;
    for (const id of this.#amounts.keys()) if (!ids.includes(id)) this.#amounts.delete(id);
    refill(
      $("sliders"),
      ids.map((id) => {
        const value = make("output", {}, signed(this.#amounts.get(id) ?? 0));
        const slide = make("input", {
          type: "range",
          min: -REACH,
          max: REACH,
          step: 0.05,
          "aria-label": this.#called(id),
          "data-key": id,
        });
        slide.value = this.#amounts.get(id) ?? 0;
        slide.addEventListener("input", () => {
          this.#amounts.set(id, Number(slide.value));
          value.textContent = signed(slide.value);
          this.#follow();
        });
        const remove = make(
          "button",
          {
            type: "button",
            className: "tool",
            "aria-label": `Remove the slider ${this.#called(id)}`,
            title: "Remove the slider",
            "data-key": `remove ${id}`,
            onclick: () => {
              this.#removed.add(id);
              this.#added = this.#added.filter((each) => each !== id);
              this.#amounts.delete(id);
              this.show();
            },
          },
          icon("cross"),
        );
        return make("li", {}, make("div", {}, make("span", {}, this.#called(id)), value, slide), remove);
      }),
    );
  }

  /** Take another random plane. */
  async #turn() {
    try {
      this.#plane = (await (await ask("plane", { number: this.#number })).json()).directions;
      this.#number += 1;
      this.#follow();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      model.say(error.message, true);
    }
  }

  // ---- the field and the picture

  #under(event) {
    if (event.pointerType !== "mouse" && !event.buttons) return;
    const area = $("field").getBoundingClientRect();
    const at = [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
    $("x").value = 2 * at[0] - 1;
    $("y").value = 1 - 2 * at[1];
    this.#follow();
  }

  #reset() {
    this.#amounts.clear();
    $("x").value = $("y").value = 0;
    this.#sliders();
    this.#follow();
  }

  #keep() {
    this.#grid.keep(this.#sample());
    model.say("Kept: it is the first of the samples");
  }

  /** The sample that play begins with, moved by the sliders; by the field too, or by other amounts in its place. */
  #sample(x = Number($("x").value), y = Number($("y").value)) {
    const moves = [...this.#amounts].map(([id, amount]) => [amount, this.#direction(id)]);
    const axes = [
      [x, this.#direction($("axis-x").value)],
      [y, this.#direction($("axis-y").value)],
    ];
    return moved(
      this.#grid.here,
      [...moves, ...axes].filter(([amount, direction]) => amount && direction),
    );
  }

  #follow() {
    if (document.body.dataset.mode !== "play" || !this.#grid.here || !this.#plane.length) return;
    const [x, y] = [Number($("x").value), Number($("y").value)];
    [$("x-value").textContent, $("y-value").textContent] = [signed(x), signed(y)];
    $("dot").style.left = `${50 + 50 * x}%`;
    $("dot").style.top = `${50 - 50 * y}%`;
    if (this.#busy) this.#again = true;
    else
      this.#busy = this.#draw().finally(() => {
        this.#busy = null;
      });
  }

  /** Draw what is wanted now, until nothing else is: one request at a time, however quick the pointer. */
  async #draw() {
    try {
      do {
        this.#again = false;
        await new Promise(requestAnimationFrame);
        show($("live"), await rowOf([this.#sample()]));
        if (!this.#again) await this.#drawMap();
      } while (this.#again);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      model.say(error.message, true);
    }
  }

  /** Lay pictures of the whole field under it. */
  async #drawMap() {
    const steps = Array.from({ length: MAP }, (_, k) => (2 * k + 1) / MAP - 1);
    const points = steps.flatMap((down) => steps.map((right) => this.#sample(right, -down)));
    const wanted = [points[0], points[MAP - 1], points.at(-1)].map(({ z, label }) => `${z}:${label}`).join("|");
    if (wanted === this.#mapOf) return;
    const { side } = facts;
    const context = $("map").getContext("2d");
    if ($("map").width !== MAP * side) $("map").width = $("map").height = MAP * side;
    for (let row = 0; row < MAP; row += 1) {
      context.drawImage(await rowOf(points.slice(row * MAP, (row + 1) * MAP)), 0, row * side);
      if (this.#again) return; // the picture under the pointer comes first
    }
    this.#mapOf = wanted;
  }
}

const signed = (value) => `${Number(value) < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
