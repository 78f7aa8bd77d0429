// The picture with its masks on a canvas, at the picture's own size.
import { decodeRle } from "./rle.js";

// after Okabe and Ito: apart for most kinds of colour blindness; each mask is numbered besides
export const COLOURS = [
  { fill: [0, 114, 178], ink: "#fff" },
  { fill: [230, 159, 0], ink: "#14202b" },
  { fill: [0, 158, 115], ink: "#14202b" },
  { fill: [204, 121, 167], ink: "#14202b" },
  { fill: [86, 180, 233], ink: "#14202b" },
  { fill: [213, 94, 0], ink: "#14202b" },
  { fill: [240, 228, 66], ink: "#14202b" },
];
export const colourOf = (index) => COLOURS[index % COLOURS.length];
export const css = (index) => `rgb(${colourOf(index).fill.join(" ")})`;

/** A mask ready to draw: its tint and outline as a canvas, and where its number goes. */
export function prepare(found, index) {
  const { size: [height, width] } = found.rle;
  const mask = decodeRle(found.rle);
  const layer = new OffscreenCanvas(width, height);
  const pixels = new ImageData(width, height);
  const [red, green, blue] = colourOf(index).fill;
  const thick = Math.ceil(Math.max(width, height) / 320);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      if (!mask[p]) continue;
      const edge = isEdge(mask, x, y, width, height, thick);
      pixels.data.set([red, green, blue, edge ? 255 : 115], 4 * p);
    }
  }
  layer.getContext("2d").putImageData(pixels, 0, 0);
  return { layer, index, box: found.box, at: middle(mask, found.box, width), empty: found.no_target };
}

function isEdge(mask, x, y, width, height, thick) {
  if (x < thick || y < thick || x >= width - thick || y >= height - thick) return true;
  const p = y * width + x;
  return !(mask[p - thick] && mask[p + thick] && mask[p - thick * width] && mask[p + thick * width]);
}

// the middle of the longest run in the middle row: inside the mask, where a centroid may not be
function middle(mask, [left, top, width, height], stride) {
  const y = top + (height >> 1);
  let best = [left, 0];
  for (let x = left, start = -1; x <= left + width; x++) {
    const inside = x < left + width && mask[y * stride + x];
    if (inside && start < 0) start = x;
    if (!inside && start >= 0) {
      if (x - start > best[1]) best = [start, x - start];
      start = -1;
    }
  }
  return [best[0] + best[1] / 2, y + 0.5];
}

/** Draws `layers` that are shown; `lit` is the index of the one that is pointed at, or -1. */
export function paint(canvas, bitmap, layers, { masks, boxes, lit, hidden }) {
  const { width, height } = bitmap;
  canvas.width = width;
  canvas.height = height;
  canvas.style.setProperty("--aspect", width / height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const shown = layers.filter((each) => !each.empty && !hidden.has(each.index));
  if (masks && shown.length) veil(context, width, height);
  // one number is about as large on the screen whatever the picture's size
  const unit = width / Math.max(200, canvas.clientWidth || width);
  for (const each of shown) {
    context.globalAlpha = lit >= 0 && lit !== each.index ? 0.2 : 1;
    if (masks) context.drawImage(each.layer, 0, 0);
    if (boxes) drawBox(context, each, unit);
  }
  for (const each of shown) {
    context.globalAlpha = lit >= 0 && lit !== each.index ? 0.25 : 1;
    if (masks || boxes) drawNumber(context, each, unit);
  }
  context.globalAlpha = 1;
}

// a mask shows on a thing of its own colour only where the rest is paler
function veil(context, width, height) {
  context.fillStyle = "rgb(255 255 255 / 30%)";
  context.fillRect(0, 0, width, height);
}

function drawBox(context, { box: [x, y, width, height], index }, unit) {
  context.lineWidth = 4 * unit;
  context.strokeStyle = "rgb(255 255 255 / 85%)";
  context.strokeRect(x, y, width, height);
  context.lineWidth = 2 * unit;
  context.strokeStyle = css(index);
  context.strokeRect(x, y, width, height);
}

function drawNumber(context, { at: [x, y], index }, unit) {
  const radius = 11 * unit;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = css(index);
  context.fill();
  context.lineWidth = 2 * unit;
  context.strokeStyle = "#fff";
  context.stroke();
  context.fillStyle = colourOf(index).ink;
  context.font = `700 ${13 * unit}px ui-monospace, "DejaVu Sans Mono", monospace`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(index + 1), x, y + 0.5 * unit);
}
