// One sample, large, and the boxes on it: drawn and moved with a pointer or with keys, in whole pixels of the sample.

import { $, counted, icon, make, refill } from "./dom.js";
import { facts, model } from "./model.js";
import { plain } from "./names.js";
import { keyOf, paint, same } from "./pictures.js";

const SVG = "http://www.w3.org/2000/svg";
const CORNERS = [
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
];
const side = facts.side;
const within = (value, low, high) => Math.min(Math.max(value, low), high);

export class Easel {
  #names;
  #grid;
  #sample = null;
  #place = null; // of the box that is being changed, among those that are saved; their number for a new one
  #draft = null; // what it is until it is saved
  #drag = null;

  constructor(names, grid) {
    [this.#names, this.#grid] = [names, grid];
    const easel = $("easel");
    easel.addEventListener("pointerdown", (event) => this.#down(event));
    easel.addEventListener("pointermove", (event) => this.#dragged(event));
    easel.addEventListener("pointerup", () => this.#up());
    easel.addEventListener("pointercancel", () => this.leave());
    easel.addEventListener("keydown", (event) => this.#key(event));
    easel.addEventListener("blur", () => !this.#drag && this.save());
    $("previous").addEventListener("click", () => grid.step(-1));
    $("next").addEventListener("click", () => grid.step(1));
    $("none").addEventListener("click", () => this.none());
    new ResizeObserver(() => this.#draw()).observe(easel);
  }

  /** The marks of the sample; null where it was not looked at. */
  get #marked() {
    const held = model.held("objects", this.#names.current);
    return (this.#sample && held?.find((each) => same(each, this.#sample))) ?? null;
  }

  get #boxes() {
    return this.#marked?.boxes ?? [];
  }

  show() {
    const sample = this.#grid.here;
    if (sample && (!this.#sample || !same(sample, this.#sample))) {
      this.save();
      this.leave();
      paint($("large"), sample);
    }
    this.#sample = sample;
    if (this.#place > this.#boxes.length) this.leave(); // another tab has removed boxes
    const name = this.#names.current,
      marked = this.#marked;
    $("none").setAttribute("aria-pressed", String(Boolean(marked && !marked.boxes.length)));
    for (const id of ["none", "previous", "next"]) $(id).disabled = !sample || (id === "none" && !name);
    $("boxes-title").textContent = !sample
      ? ""
      : !name
        ? `${capital(sample.called)}: name an object first`
        : `${capital(sample.called)}: ${marked ? counted(marked.boxes.length, "box") : "not looked at"}`;
    $("easel").setAttribute(
      "aria-label",
      sample ? `${capital(sample.called)}, ${side} by ${side} pixels` : "No sample",
    );
    this.#list();
    this.#draw();
  }

  /** Say that the object is not on the sample, or take that back. */
  none() {
    if (!this.#ready()) return;
    const marked = this.#marked;
    if (marked?.boxes.length) return model.say("There are boxes on this sample; remove them first", true);
    this.#mark(marked ? null : [], marked ? "Not looked at" : `No ${this.#names.current} here`);
  }

  /** Begin a box in the middle, to be moved with keys. */
  begin() {
    if (!this.#ready()) return;
    $("easel").focus();
    const size = Math.max(1, Math.round(side / 4)),
      start = Math.floor((side - size) / 2);
    this.#edit(this.#boxes.length, { left: start, top: start, width: size, height: size });
  }

  /** Save the box that is being changed, and keep it in hand. */
  async save() {
    const [place, draft] = [this.#place, this.#draft];
    if (!draft || this.#drag) return;
    const before = this.#boxes[place];
    if (before && spell(before) === spell(draft)) return;
    const boxes = [...this.#boxes];
    boxes[place] = draft;
    await this.#mark(boxes, `${this.#names.current}: ${spell(draft)}`);
  }

  leave() {
    this.#place = this.#draft = this.#drag = null;
    this.#list();
    this.#draw();
  }

  #ready() {
    if (this.#names.current && this.#sample) return true;
    model.say("Name an object first, then draw boxes around it", true);
    $("new-name").focus();
    return false;
  }

  async #mark(boxes, said) {
    const name = this.#names.current;
    if (!(await model.change({ do: "mark", name, sample: plain(this.#sample), boxes }, said))) this.leave();
  }

  #edit(place, box) {
    [this.#place, this.#draft] = [place, box];
    this.#list();
    this.#draw();
    model.say(`Box: ${spell(box)}`);
  }

  #remove(place) {
    const boxes = this.#boxes.filter((_, k) => k !== place);
    this.leave();
    return this.#mark(boxes.length ? boxes : null, "The box is removed; Undo brings it back");
  }

  // ---- pointer

  #at(event) {
    const area = $("large").getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top].map((value) =>
      within((value / area.width) * side, 0, side),
    );
  }

  #down(event) {
    if (event.button !== 0 || !this.#ready()) return;
    event.preventDefault();
    $("easel").focus();
    $("easel").setPointerCapture(event.pointerId);
    const at = this.#at(event),
      reach = (12 / $("large").clientWidth) * side;
    const grip = this.#draft && gripAt(this.#draft, at, reach);
    if (this.#draft && grip) this.#drag = { how: grip, at, box: this.#draft };
    else this.#drag = { how: "new", at, box: null, place: this.#place, draft: this.#draft };
  }

  #dragged(event) {
    if (!this.#drag) return;
    const { how, at, box } = this.#drag,
      to = this.#at(event);
    if (how === "new") {
      if ((Math.hypot(to[0] - at[0], to[1] - at[1]) * $("large").clientWidth) / side < 4) return;
      [this.#place, this.#draft] = [this.#boxes.length, around(at, to)];
    } else if (how === "move") {
      this.#draft = shifted(box, Math.round(to[0] - at[0]), Math.round(to[1] - at[1]));
    } else {
      this.#draft = around(opposite(box, how), to);
    }
    this.#draw();
  }

  async #up() {
    const drag = this.#drag;
    if (!drag) return;
    this.#drag = null;
    if (drag.how !== "new" || this.#draft !== drag.draft) return this.save();
    const place = this.#boxes.findLastIndex((box) => inside(box, drag.at)); // a click, not a drag
    if (place < 0) this.leave();
    else this.#edit(place, this.#boxes[place]);
  }

  // ---- keys

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [right, down] = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    }[event.key] ?? [0, 0];
    if (right || down) {
      if (!this.#draft) return;
      this.#edit(this.#place, event.shiftKey ? sized(this.#draft, right, down) : shifted(this.#draft, right, down));
    } else if (event.key === "Enter") {
      if (this.#draft) this.save();
      else this.begin();
    } else if (event.key === "Escape" && this.#draft) {
      this.leave();
    } else if ((event.key === "Delete" || event.key === "Backspace") && this.#draft) {
      if (this.#place < this.#boxes.length) this.#remove(this.#place);
      else this.leave();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- what is seen

  #list() {
    refill(
      $("boxes"),
      this.#boxes.map((box, k) =>
        make(
          "li",
          { className: k === this.#place ? "current" : "" },
          make(
            "button",
            {
              type: "button",
              className: "name",
              "data-key": `box ${k}`,
              onclick: () => {
                $("easel").focus();
                this.#edit(k, box);
              },
            },
            `${k + 1}. ${spell(box)}`,
          ),
          make(
            "button",
            {
              type: "button",
              className: "tool",
              title: "Remove the box",
              "aria-label": `Remove box ${k + 1}`,
              "data-key": `remove ${k}`,
              onclick: () => this.#remove(k),
            },
            icon("cross"),
          ),
        ),
      ),
    );
  }

  #draw() {
    const overlay = $("overlay"),
      colour = this.#names.colourOf("objects", this.#names.current);
    overlay.setAttribute("viewBox", `0 0 ${side} ${side}`);
    overlay.setAttribute("class", `colour-${Math.max(colour, 0)}`);
    const boxes = this.#boxes.map((box, k) => (k === this.#place ? null : drawn(box))).filter(Boolean);
    if (this.#draft) {
      const size = (9 / ($("large").clientWidth || 1)) * side,
        { left, top, width, height } = this.#draft;
      boxes.push(
        drawn(this.#draft, "in-hand"),
        ...CORNERS.map(([x, y]) =>
          rectangle(left + x * width - size / 2, top + y * height - size / 2, size, size, "corner"),
        ),
      );
    }
    overlay.replaceChildren(...boxes);
  }
}

const spell = ({ left, top, width, height }) => `left ${left}, top ${top}, ${width} × ${height}`;
const capital = (text) => text[0].toUpperCase() + text.slice(1);

function rectangle(x, y, width, height, kind) {
  const element = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x, y, width, height, class: kind })) element.setAttribute(name, value);
  return element;
}

const drawn = ({ left, top, width, height }, kind = "") => rectangle(left, top, width, height, kind);

/** The pixels between two points, whole ones, one or more each way. */
function around([x, y], [u, v]) {
  const [left, right] = between(x, u),
    [top, bottom] = between(y, v);
  return { left, top, width: right - left, height: bottom - top };
}

function between(one, other) {
  const low = Math.min(Math.floor(Math.min(one, other)), side - 1);
  return [low, Math.max(Math.ceil(Math.max(one, other)), low + 1)];
}

function shifted(box, right, down) {
  const left = within(box.left + right, 0, side - box.width),
    top = within(box.top + down, 0, side - box.height);
  return { ...box, left, top };
}

function sized(box, wider, higher) {
  return {
    ...box,
    width: within(box.width + wider, 1, side - box.left),
    height: within(box.height + higher, 1, side - box.top),
  };
}

function opposite({ left, top, width, height }, [x, y]) {
  return [left + (1 - x) * width, top + (1 - y) * height];
}

function inside({ left, top, width, height }, [x, y]) {
  return x >= left && x <= left + width && y >= top && y <= top + height;
}

/** What a pointer has hold of: a corner, the box, or nothing. */
function gripAt(box, [x, y], reach) {
  const { left, top, width, height } = box;
  const corner = CORNERS.find(([a, b]) => Math.hypot(x - left - a * width, y - top - b * height) < reach);
  return corner ?? (inside(box, [x, y]) ? "move" : null);
}
