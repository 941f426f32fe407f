"""The audit as one HTML page: recall by alteration, and pairs that a person can mark as false.

The page needs no network and no server: pictures are inside it, marks stay in the browser that made them, and the
corrected precision is computed as they are made.
"""

from __future__ import annotations

import base64
import io
import json
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from dcgan_pipeline.arrays import ShardedArray
from dcgan_pipeline.dedup.audit import wilson
from dcgan_pipeline.dedup.groups import label_conflicts
from dcgan_pipeline.dedup.settings import DedupSettings

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
#pairs { display: flex; flex-wrap: wrap; gap: .8rem; list-style: none; padding: 0; }
#pairs button { display: block; border: 3px solid #8884; border-radius: 6px; background: none; padding: 4px;
  cursor: pointer; font: inherit; color: inherit; text-align: left; width: 15.4rem; }
#pairs button[aria-pressed=true] { border-color: #d95f02; background: #d95f0222; }
#pairs img { width: 7.2rem; height: 7.2rem; image-rendering: pixelated; }
#pairs small { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; opacity: .75; }
.conflict { color: #d95f02; font-weight: 600; }
#estimate { font-size: 1.2rem; } textarea { width: 100%; height: 5rem; }
"""

_SCRIPT = """
const pairs = JSON.parse(document.getElementById("data").textContent);
const key = "dedup-audit-" + pairs.id;
let marked = new Set();
try { marked = new Set(JSON.parse(localStorage.getItem(key) || "[]")); } catch (error) { /* private window */ }
function wilson(count, total) {
  if (!total) return [0, 1];
  const z = 1.96, p = count / total, s = z * z / total;
  const middle = (p + s / 2) / (1 + s);
  const half = z / (1 + s) * Math.sqrt(p * (1 - p) / total + s / (4 * total));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
function show() {
  const buttons = document.querySelectorAll("#pairs button");
  buttons.forEach((button, k) => button.setAttribute("aria-pressed", marked.has(k)));
  const total = buttons.length, right = total - marked.size;
  const [low, high] = wilson(right, total).map(value => (100 * value).toFixed(1));
  document.getElementById("estimate").textContent = total
    ? `${marked.size} of ${total} marked false: precision ${(100 * right / total).toFixed(1)} %, ` +
      `95 % interval ${low} to ${high} %.` : "There is no pair to judge.";
  document.getElementById("undo").value = marked.size
    ? "dedup:\\n  always_keep:\\n" + [...marked].sort((a, b) => a - b)
      .map(k => "    - " + JSON.stringify(pairs.removed[k])).join("\\n") : "";
  try { localStorage.setItem(key, JSON.stringify([...marked])); } catch (error) { /* as above */ }
}
document.querySelectorAll("#pairs button").forEach((button, k) => button.addEventListener("click", () => {
  if (marked.has(k)) marked.delete(k); else marked.add(k);
  show();
}));
show();
"""


def audit_page(
    recall: pd.DataFrame,
    sample: pd.DataFrame,
    duplicates: pd.DataFrame,
    images: ShardedArray,
    records: pd.DataFrame,
    settings: DedupSettings,
) -> str:
    """Write the page.

    Parameters
    ----------
    recall
        As :func:`~dcgan_pipeline.dedup.audit.measure_recall` made it.
    sample
        As :func:`~dcgan_pipeline.dedup.audit.sample_collisions` drew it.
    images
        uint8 (N, C, S, S); what the pairs are shown from.

    Returns
    -------
    str
        HTML; names of files are escaped.
    """
    removed = int((~duplicates["kept"]).sum())
    total = duplicates.attrs["images"]
    sources = records["source"].to_numpy()
    marks = {
        "id": f"{duplicates.attrs.get('images_id', '')[:12]}-{len(sample)}-{removed}",
        "removed": [str(source) for source in sources[sample["row"]]],
    }
    data = json.dumps(marks).replace("<", "\\u003c")  # a name must not end the script
    conflicts = label_conflicts(duplicates, records)
    pairs = "\n".join(_pair(pair, images, sources, conflicts) for pair in sample.itertuples())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Audit of the de-duplication</title><style>{_STYLE}</style></head>
<body>
<h1>Audit of the de-duplication</h1>
<p>{removed:,} of {total:,} images removed ({100 * removed / max(total, 1):.2f} %), in
{duplicates["group"].nunique():,} groups. {escape(_rule(settings))}{_conflicts(conflicts)}</p>
<h2>Recall: altered copies that were planted</h2>
{_recall_table(recall)}
<h2>Precision: mark the false pairs</h2>
<p>{len(sample)} removed images, drawn at random, each at the right of the image that stays. Click a pair that is not
the same picture.</p>
<p id="estimate" aria-live="polite"></p>
<p>{_paper(removed, len(sample))}</p>
<ul id="pairs">
{pairs}
</ul>
<h2>Undo</h2>
<p>These settings keep the marked images. Put them beside the run's other settings for <code>dedup</code>:
<code>conf/local</code> (read without <code>--env</code>) or a copy of the environment that you used. Then run
<code>dedup</code> again in that environment.</p>
<textarea id="undo" readonly aria-label="settings that keep the marked images"></textarea>
<script type="application/json" id="data">{data}</script>
<script>{_SCRIPT}</script>
</body></html>
"""


def _rule(settings: DedupSettings) -> str:
    codes = "equal codes" if not settings.radius else f"codes within {settings.radius} bits"
    if settings.min_similarity is None:
        return f"Duplicates are images of {codes}."
    return f"Duplicates are images of {codes} whose thumbnails correlate at {settings.min_similarity} or more."


def _conflicts(conflicts: pd.Series) -> str:
    if conflicts.empty:
        return ""
    return (
        f' <span class="conflict">{len(conflicts):,} groups lie in folders of different classes</span>: one of the '
        "labels is wrong, or the picture shows both (column <code>conflict</code> of <code>dedup_report</code>)."
    )


def _paper(removed: int, shown: int) -> str:
    low, _ = wilson(shown, shown)
    return (
        "The paper gives two numbers: about 275,000 near-duplicates removed, and fewer than 1 in 100 collisions false "
        f"by eye. In its words this run removed approximately {removed:,} near-duplicates; with no pair marked, "
        f"{shown} pairs show no more than that fewer than {100 * (1 - low):.1f} in 100 are false (95 %)."
    )


def _recall_table(recall: pd.DataFrame) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("alteration", "what"))
    head += "".join(f'<th class="number">{name}</th>' for name in ("caught", "recall", "95 %", "median bits"))
    lines = []
    for line in recall.itertuples():
        numbers = (
            f"{line.caught} of {line.planted}",
            f"{100 * line.recall:.0f} %",
            f"{100 * line.low:.0f} to {100 * line.high:.0f} %",
            f"{line.median_distance:.0f}",
        )
        cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
        lines.append(f"<tr><td>{escape(line.alteration)}</td><td>{escape(line.what)}</td>{cells}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _pair(pair, images: ShardedArray, sources: NDArray[np.str_], conflicts: pd.Series) -> str:  # type: ignore[no-untyped-def]
    stays, gone = (escape(str(sources[row]), quote=True) for row in (pair.representative, pair.row))
    pictures = "".join(
        f'<img src="{_png(images[int(row)])}" alt="{name}">'
        for row, name in ((pair.representative, stays), (pair.row, gone))
    )
    note = f"{pair.distance} bits, similarity {pair.similarity:.2f}"
    classes = escape(", ".join(conflicts.get(pair.group, "").splitlines()))
    conflict = f'<small class="conflict">labels differ: {classes}</small>' if classes else ""
    return (
        f'<li><button type="button" aria-pressed="false">{pictures}<small>{note}</small>{conflict}'
        f'<small title="{stays}">stays: {stays}</small><small title="{gone}">gone: {gone}</small></button></li>'
    )


def _png(pixels: NDArray[np.uint8]) -> str:
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
