// The page: what is shown in which mode, keys that work everywhere, and what a person is told.

import { $ } from "./dom.js";
import { Easel } from "./easel.js";
import { Grid } from "./grid.js";
import { model } from "./model.js";
import { Names } from "./names.js";
import { Play } from "./play.js";

const MODES = ["concepts", "objects", "play"];

const names = new Names();
const grid = new Grid(names);
const easel = new Easel(names, grid);
const play = new Play(grid);

function show() {
  const mode = document.body.dataset.mode;
  for (const each of MODES) {
    $(`tab-${each}`).setAttribute("aria-selected", String(each === mode));
    $(`tab-${each}`).tabIndex = each === mode ? 0 : -1;
  }
  $("work").setAttribute("aria-labelledby", `tab-${mode}`);
  $("names-part").hidden = mode === "play";
  $("play-part").hidden = mode !== "play";
  $("stage").hidden = mode === "concepts";
  $("boxes-part").hidden = mode !== "objects";
  $("live-part").hidden = mode !== "play";
  $("panel").setAttribute("aria-label", mode === "play" ? "Directions" : "Names");
  $("undo").disabled = !model.state.undo;
  $("redo").disabled = !model.state.redo;
  names.follow();
  if (mode !== "play") names.show();
  grid.show();
  if (mode === "objects") easel.show();
  if (mode === "play") play.show();
}

function turnTo(mode) {
  document.body.dataset.mode = mode;
  if (mode !== "play") names.kind = mode;
  show();
}

function say({ detail: { text, trouble } }) {
  $("saved").textContent = trouble ? "" : text;
  $("trouble").textContent = trouble ? text : "";
  $("trouble").hidden = !trouble;
}

function undo(step) {
  easel.leave();
  model.step(step);
}

const KEYS = {
  "[": () => grid.turn(-60),
  "]": () => grid.turn(60),
  "?": () => $("help").showModal(),
  n: () => document.body.dataset.mode !== "concepts" && grid.step(1),
  p: () => document.body.dataset.mode !== "concepts" && grid.step(-1),
  b: () => document.body.dataset.mode === "objects" && easel.begin(),
  0: () => document.body.dataset.mode === "objects" && easel.none(),
};

function key(event) {
  const typing = event.target.matches("input:not([type=range], [type=radio]), select, textarea");
  if ($("help").open || typing) return;
  const letter = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && !event.altKey) {
    if (letter !== "z" && letter !== "y") return;
    event.preventDefault();
    undo(letter === "y" || event.shiftKey ? "redo" : "undo");
  } else if (!event.altKey) {
    if (/^[1-9]$/.test(letter) && document.body.dataset.mode !== "play") names.takeNumber(Number(letter) - 1);
    else KEYS[letter]?.();
  }
}

function tab(event) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const mode = MODES.at((MODES.indexOf(document.body.dataset.mode) + by) % MODES.length);
  turnTo(mode);
  $(`tab-${mode}`).focus();
}

for (const mode of MODES) {
  $(`tab-${mode}`).addEventListener("click", () => turnTo(mode));
  $(`tab-${mode}`).addEventListener("keydown", tab);
}
$("undo").addEventListener("click", () => undo("undo"));
$("redo").addEventListener("click", () => undo("redo"));
$("keys").addEventListener("click", () => $("help").showModal());
document.addEventListener("keydown", key);
model.addEventListener("said", say);
model.addEventListener("state", show);
names.addEventListener("current", () => {
  easel.leave();
  show();
});
grid.addEventListener("here", show);

await model.load();
await grid.turn(0);
document.body.dataset.ready = "yes";
