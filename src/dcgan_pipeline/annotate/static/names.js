// The list of concepts, or of objects: what is named, what is current, what each has.

import { $, counted, icon, make, refill } from "./dom.js";
import { model } from "./model.js";
import { keyOf, meanOf, paint } from "./pictures.js";

export const COLOURS = 8; // that names are told by, in turn: --name-0 to --name-7

const WORD = { concepts: "concept", objects: "object" };
const RULE = {
  concepts: "Three or more exemplars each, as the paper takes them. Spaces become _.",
  objects: "Windows, lamps, loops of a digit: what boxes are drawn around. Spaces become _.",
};

export class Names extends EventTarget {
  kind = "concepts";
  #current = { concepts: null, objects: null };
  #seen = { concepts: [], objects: [] };
  #renaming = null;

  constructor() {
    super();
    $("add").addEventListener("submit", (event) => this.#add(event));
    $("new-name").addEventListener("input", underscores);
  }

  get current() {
    return this.#current[this.kind];
  }

  take(name) {
    this.#current[this.kind] = name;
    this.#renaming = null;
    this.dispatchEvent(new Event("current"));
  }

  /** Take the name at a place, if there is one. */
  takeNumber(place) {
    const found = model.names(this.kind)[place];
    if (found) this.take(found[0]);
  }

  colourOf(kind, name) {
    return model.names(kind).findIndex(([each]) => each === name) % COLOURS;
  }

  /** Leave names that are gone: another tab, or undo, has renamed or removed them. A removed one leaves none in its place:
   * the next click would be for a name that nobody chose. */
  follow() {
    for (const kind of ["concepts", "objects"]) {
      const names = model.names(kind).map(([name]) => name),
        before = this.#seen[kind];
      if (!names.includes(this.#current[kind])) {
        const renamed = names.length === before.length ? names[before.indexOf(this.#current[kind])] : null;
        this.#current[kind] = renamed ?? (before.length ? null : (names.at(-1) ?? null));
      }
      this.#seen[kind] = names;
    }
  }

  show() {
    $("add-label").textContent = `New ${WORD[this.kind]}`;
    $("add-rule").textContent = RULE[this.kind];
    refill(
      $("names"),
      model.names(this.kind).map(([name, held]) => this.#item(name, held)),
    );
  }

  async #add(event) {
    event.preventDefault();
    const name = $("new-name").value.trim();
    if (!name) return $("new-name").focus();
    const kind = this.kind;
    if (await model.change({ do: "name", kind, name }, `${name} is a new ${WORD[kind]}`)) {
      $("new-name").value = "";
      this.take(name);
      this.dispatchEvent(new Event("added"));
    }
  }

  #item(name, held) {
    const current = name === this.current;
    const counts = this.kind === "concepts" ? counted(held.length, "exemplar") : marksOf(held);
    const face =
      this.kind === "concepts" && held.length
        ? make("canvas", { className: "mean" })
        : make("span", { className: "mean none" });
    if (held.length && this.kind === "concepts") paint(face, meanOf(held));
    const open = make(
      "button",
      {
        type: "button",
        className: "name",
        "aria-pressed": String(current),
        "data-key": `take ${name}`,
        onclick: () => this.take(name),
      },
      make("span", { className: `swatch colour-${this.colourOf(this.kind, name)}` }),
      face,
      make("span", { className: "text" }, make("b", {}, name), make("small", {}, counts)),
    );
    const item = make(
      "li",
      { className: current ? "current" : "" },
      this.#renaming === name ? this.#renamer(name) : open,
    );
    if (current && this.#renaming !== name) item.append(this.#tools(name));
    if (current && this.kind === "concepts" && held.length) item.append(this.#exemplars(name, held));
    return item;
  }

  #tools(name) {
    const rename = () => {
      this.#renaming = name;
      this.show();
      $("names").querySelector("input").select();
    };
    return make(
      "span",
      { className: "item-tools" },
      make(
        "button",
        {
          type: "button",
          className: "tool",
          title: `Rename ${name}`,
          "aria-label": `Rename ${name}`,
          "data-key": `rename ${name}`,
          onclick: rename,
        },
        icon("pencil"),
      ),
      make(
        "button",
        {
          type: "button",
          className: "tool",
          title: `Remove ${name}`,
          "aria-label": `Remove ${name}`,
          "data-key": `remove ${name}`,
          onclick: () => this.#remove(name),
        },
        icon("cross"),
      ),
    );
  }

  async #remove(name) {
    const kind = this.kind;
    await model.change({ do: "drop", kind, name }, `${name} is removed; Undo brings it back`);
    ($("names").querySelector("button") ?? $("new-name")).focus();
  }

  #renamer(name) {
    const input = make("input", {
      type: "text",
      value: name,
      maxLength: 40,
      "aria-label": `New name of ${name}`,
      oninput: underscores,
    });
    const stop = () => {
      this.#renaming = null;
      this.show();
      $("names").querySelector(".current .name")?.focus();
    };
    const submit = async (event) => {
      event.preventDefault();
      const kind = this.kind,
        to = input.value.trim();
      if (to && to !== name) {
        if (!(await model.change({ do: "rename", kind, name, to }, `${name} is now ${to}`))) return;
        this.#current[kind] = to;
        this.dispatchEvent(new Event("current"));
      }
      stop();
    };
    return make(
      "form",
      {
        className: "rename",
        novalidate: true,
        onsubmit: submit,
        onkeydown: (event) => event.key === "Escape" && (event.preventDefault(), stop()),
      },
      input,
      make("button", { type: "submit", className: "primary" }, "Rename"),
    );
  }

  /** The pictures of a concept, each a button that takes it out again. */
  #exemplars(name, held) {
    const list = make("div", { className: "exemplars", role: "group", "aria-label": `Exemplars of ${name}` });
    for (const [k, sample] of held.entries()) {
      const canvas = make("canvas");
      paint(canvas, sample);
      list.append(
        make(
          "button",
          {
            type: "button",
            title: "Take it out",
            "aria-label": `Take exemplar ${k + 1} out of ${name}`,
            "data-key": `out ${keyOf(sample).slice(0, 200)}`,
            onclick: () =>
              model.change(
                { do: "choose", name, sample: plain(sample), chosen: false },
                `${name}: ${counted(held.length - 1, "exemplar")}`,
              ),
          },
          canvas,
        ),
      );
    }
    return list;
  }
}

/** What the server takes of a sample. */
export const plain = ({ z, label }) => ({ z, label: label ?? null });

function marksOf(held) {
  const boxes = held.reduce((sum, { boxes }) => sum + boxes.length, 0);
  return held.length ? `${counted(boxes, "box")} on ${counted(held.length, "sample")}` : "no sample marked";
}

function underscores(event) {
  const input = event.target,
    place = input.selectionStart;
  input.value = input.value.trimStart().replaceAll(" ", "_"); // spaces alone are no name
  input.setSelectionRange(place, place);
}
