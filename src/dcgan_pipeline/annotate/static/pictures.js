// Pictures of samples. A sample is {z, label}; it is told by these alone, as the annotations tell it.

import { ask, facts } from "./model.js";

const KEPT = 3000; // pictures
const cache = new Map();
let waiting = [];

/** Name a sample. Numbers are compared as float32: a picture of the field has more digits before it is saved. */
export function keyOf(sample) {
  sample.key ??= `${sample.label ?? ""}:${new Float32Array(sample.z).join()}`;
  return sample.key;
}

export const same = (one, other) => keyOf(one) === keyOf(other);

/** Draw samples side by side, facts.most or fewer. */
export async function rowOf(samples) {
  const labels = facts.classes.length ? samples.map((sample) => sample.label) : null;
  const response = await ask("draw", { z: samples.map((sample) => sample.z), labels });
  return createImageBitmap(await response.blob());
}

/** Give the picture of a sample; those that are asked for together are drawn together, a few at a time. */
export function pictureOf(sample) {
  const key = keyOf(sample);
  if (!cache.has(key)) {
    if (!waiting.length) queueMicrotask(drawWaiting);
    cache.set(key, new Promise((done, failed) => waiting.push({ sample, key, done, failed })));
    if (cache.size > KEPT) cache.delete(cache.keys().next().value);
  }
  return cache.get(key);
}

async function drawWaiting() {
  const all = waiting;
  waiting = [];
  for (let start = 0; start < all.length; start += facts.most) {
    const part = all.slice(start, start + facts.most);
    try {
      const row = await rowOf(part.map(({ sample }) => sample));
      await Promise.all(
        part.map(async ({ done }, k) => {
          done(await createImageBitmap(row, k * facts.side, 0, facts.side, facts.side));
        }),
      );
    } catch (error) {
      for (const { key, failed } of part) {
        cache.delete(key);
        failed(error);
      }
    }
  }
}

/** Show a sample on a canvas, unless the canvas is asked for another one in the meantime. */
export async function paint(canvas, sample) {
  canvas.wanted = sample;
  try {
    const picture = await pictureOf(sample);
    if (canvas.wanted === sample) show(canvas, picture);
  } catch {
    /* model tells when the server is gone, once something is to be saved */
  }
}

export function show(canvas, picture) {
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d").drawImage(picture, 0, 0);
}

export function meanOf(samples) {
  const sum = new Float64Array(samples[0].z.length);
  for (const { z } of samples)
    z.forEach((number, k) => {
      sum[k] += number;
    });
  return { z: Array.from(sum, (number) => number / samples.length), label: samples[0].label };
}

/** Add directions, each by an amount. */
export function moved(sample, moves) {
  const z = [...sample.z];
  for (const [amount, direction] of moves)
    direction.forEach((number, k) => {
      z[k] += amount * number;
    });
  return { z, label: sample.label };
}
