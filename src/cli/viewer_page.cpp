// The page of --viewer (docs/interpreters.md). It loads scripts and pictures of its own folder alone.
#include "cli/interpret_tour.hpp"

namespace descrambler::cli {

const char* const viewer_page = R"html(<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rows and columns</title>
<style>
body { font: 15px/1.45 "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; color: #1a1a1a; background: #fff;
       margin: 0 auto; max-width: 1180px; padding: 12px 18px 40px; }
h1 { font-size: 22px; margin: 6px 0; }
p { margin: 6px 0; max-width: 900px; }
.views { display: grid; grid-template-columns: auto auto; justify-content: start; gap: 8px 18px; }
figure { margin: 0; width: min(46vw, max(240px, 50vh - 165px)); }  /* all four are seen at once */
figcaption { margin-bottom: 4px; }
canvas { display: block; width: 100%; image-rendering: pixelated; border: 1px solid #999; touch-action: none; }
#x, #y { cursor: crosshair; }
#x:focus-visible { outline: 3px solid #0072B2; }
.bar { display: flex; flex-wrap: wrap; gap: 6px 18px; align-items: center; margin: 10px 0; }
.bar button { font: inherit; padding: 2px 10px; }
button[aria-pressed=true] { background: #0072B2; color: #fff; }
.scale { display: flex; gap: 8px; align-items: center; font-size: 13px; margin-top: 4px; }
.scale i { flex: 1; height: 12px; border: 1px solid #999; }
kbd { border: 1px solid #bbb; border-radius: 3px; padding: 0 4px; font-size: 13px; }
#state { min-height: 22px; }
</style>
<h1>Rows and columns of <span id="net"></span></h1>
<p>Move over the input or the output. The row tells which pixels of the input this pixel of the output looks at, the column which
pixels of the output this pixel of the input touches.</p>
<div class="bar">
<span id="channels" role="group" aria-label="channel"></span>
<button id="out" aria-label="zoom out">&minus;</button><span id="zoom"></span><button id="in" aria-label="zoom in">+</button>
<button id="root" aria-pressed="false">root scale</button>
<span>keys: <kbd>&larr;</kbd> <kbd>&rarr;</kbd> <kbd>&uarr;</kbd> <kbd>&darr;</kbd> move (with <kbd>Shift</kbd> by 8),
<kbd>+</kbd> <kbd>&minus;</kbd> zoom, <kbd>c</kbd> channel, <kbd>r</kbd> root scale</span>
</div>
<p id="state" role="status" aria-live="polite"></p>
<div class="views">
<figure><figcaption>input</figcaption><canvas id="x" tabindex="0" aria-label="input: arrow keys move"></canvas></figure>
<figure><figcaption>row: what this output looks at</figcaption><canvas id="row"></canvas>
<div class="scale"><span id="row_low"></span><i></i><span id="row_high"></span></div></figure>
<figure><figcaption>output</figcaption><canvas id="y"></canvas></figure>
<figure><figcaption>column: what this input touches</figcaption><canvas id="column"></canvas>
<div class="scale"><span id="column_low"></span><i></i><span id="column_high"></span></div></figure>
</div>
<script>
"use strict";
const tour = @TOUR@;
const colours = [[5,48,97],[33,102,172],[67,147,195],[166,206,227],[247,247,247],[244,183,154],[214,96,77],[178,24,43],[103,0,31]];
const element = id => document.getElementById(id);
const side = 480;  // px of the canvases along their longer side
const view = {line: tour.down >> 1, place: tour.across >> 1, channel: 0, zoom: 1, root: false};
let shown = null;  // what the canvases show: for whoever asks the page

// blue, white, red for -127 to 127
function palette(root) {
  const table = new Uint8ClampedArray(4 * 256);
  for (let byte = -128; byte < 128; byte++) {
    let value = Math.max(-1, byte / 127);
    if (root) value = Math.sign(value) * Math.sqrt(Math.abs(value));
    const at = 4 + 4 * value, low = Math.min(7, Math.floor(at));
    for (let c = 0; c < 3; c++)
      table[4 * (byte & 255) + c] = Math.round(colours[low][c] + (at - low) * (colours[low + 1][c] - colours[low][c]));
    table[4 * (byte & 255) + 3] = 255;
  }
  return table;
}
const palettes = [palette(false), palette(true)];

// Tiles: scripts that call tile(); those around the one that is shown are loaded before they are wanted.
const tiles = new Map(), waiting = new Map(), most = 400;
window.tile = async (name, text) => {
  const letters = atob(text), packed = new Uint8Array(letters.length);
  for (let k = 0; k < packed.length; k++) packed[k] = letters.charCodeAt(k);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new DataView(await new Response(stream).arrayBuffer());
  const pictures = [];
  for (let at = 0; at < bytes.byteLength;) {
    const [row, column, rows, columns] = [0, 2, 4, 6].map(k => bytes.getUint16(at + k, true));
    pictures.push({row, column, rows, columns, step: bytes.getFloat32(at + 8, true),
                   values: new Int8Array(bytes.buffer, at + 12, rows * columns)});
    at += 12 + rows * columns;
  }
  tiles.set(name, pictures);
  while (tiles.size > most) tiles.delete(tiles.keys().next().value);
  waiting.get(name)?.done(pictures);
  waiting.delete(name);
};
function load(name) {
  if (tiles.has(name)) {
    const pictures = tiles.get(name);
    tiles.delete(name);  // to the end: used last
    tiles.set(name, pictures);
    return Promise.resolve(pictures);
  }
  if (!waiting.has(name)) {
    const one = {};
    one.promise = new Promise((done, failed) => { one.done = done; one.failed = failed; });
    waiting.set(name, one);
    const script = document.createElement("script");
    script.src = "data/" + name + ".js";
    script.onload = () => script.remove();
    script.onerror = () => { waiting.delete(name); one.failed(new Error("data/" + name + ".js cannot be read")); };
    document.head.append(script);
  }
  return waiting.get(name).promise;
}
function name_of(line, place) { return Math.floor(line / tour.tile) + "_" + Math.floor(place / tour.tile); }
// One after another, and no more once the pointer has moved on: what is wanted then goes first.
async function load_around(line, place, mine) {
  const around = [-1, 0, 1, -2, 2];
  for (const i of around)
    for (const j of around) {
      const a = line + i * tour.tile, b = place + j * tour.tile;
      if (mine !== asked) return;
      if (a >= 0 && b >= 0 && a < tour.down && b < tour.across) await load(name_of(a, b)).catch(() => {});
    }
}
// The number of a place in its tile; the last tiles of a line may be narrower.
function number_of(line, place) {
  const left = place - place % tour.tile, width = Math.min(tour.tile, tour.across - left);
  return (line % tour.tile) * width + place - left;
}

function input_pixel() {
  const of = (k, extent) => Math.min(k * tour.step + (tour.step >> 1), extent - 1);
  return {row: of(view.line, tour.input.height), column: of(view.place, tour.input.width)};
}
function output_pixel() {
  const at = input_pixel();
  return {row: Math.floor((2 * at.row + 1) * tour.output.height / (2 * tour.input.height)),
          column: Math.floor((2 * at.column + 1) * tour.output.width / (2 * tour.input.width))};
}

function fit(canvas, image) {
  const scale = side / Math.max(image.height, image.width);
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
}
// The part of the image that a zoomed canvas shows, around the pixel.
function frame(image, pixel) {
  const height = image.height / view.zoom, width = image.width / view.zoom;
  const clip = (first, most) => Math.min(Math.max(first, 0), most);
  return {top: clip(Math.round(pixel.row + .5 - height / 2), image.height - height),
          left: clip(Math.round(pixel.column + .5 - width / 2), image.width - width), height, width};
}
const sheet = document.createElement("canvas");
function draw(id, picture, image, pixel) {
  const canvas = element(id), pen = canvas.getContext("2d", {willReadFrequently: true}), table = palettes[view.root ? 1 : 0];
  const part = frame(image, pixel);
  pen.imageSmoothingEnabled = false;
  pen.fillStyle = "rgb(247,247,247)";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  if (picture.rows > 0) {
    const data = new ImageData(picture.columns, picture.rows);
    for (let k = 0; k < picture.values.length; k++) {
      const from = 4 * (picture.values[k] & 255);
      for (let c = 0; c < 4; c++) data.data[4 * k + c] = table[from + c];
    }
    sheet.width = picture.columns;
    sheet.height = picture.rows;
    sheet.getContext("2d").putImageData(data, 0, 0);
    const s = canvas.width / part.width, t = canvas.height / part.height;
    pen.drawImage(sheet, (picture.column - part.left) * s, (picture.row - part.top) * t, picture.columns * s, picture.rows * t);
  }
  mark(pen, canvas, part, pixel);
  const most = 127 * picture.step;
  element(id + "_low").textContent = (-most).toPrecision(3);
  element(id + "_high").textContent = most.toPrecision(3);
  return part;
}
// A frame around the pixel, outside it, so that its colour stays.
function mark(pen, canvas, part, pixel) {
  const s = canvas.width / part.width, t = canvas.height / part.height;
  const w = Math.max(s, 6), h = Math.max(t, 6);
  const x = (pixel.column + .5 - part.left) * s - w / 2, y = (pixel.row + .5 - part.top) * t - h / 2;
  for (const [colour, out] of [["#000", 1.5], ["#fff", 3]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = 1.5;
    pen.strokeRect(x - out, y - out, w + 2 * out, h + 2 * out);
  }
}
function draw_image(id, picture, image, pixel) {
  const canvas = element(id), pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  if (picture.complete && picture.naturalWidth > 0) pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  mark(pen, canvas, {top: 0, left: 0, height: image.height, width: image.width}, pixel);
}

let asked = 0;
async function show() {
  const began = performance.now(), mine = ++asked, at = input_pixel(), over = output_pixel();
  draw_image("x", x, tour.input, at);
  draw_image("y", y, tour.output, over);
  let pictures;
  try {
    pictures = await load(name_of(view.line, view.place));
  } catch (error) {
    element("state").textContent = error.message;
    return;
  }
  if (mine !== asked) return;  // the pointer has moved on
  const k = 2 * (number_of(view.line, view.place) * tour.channels + view.channel);
  const row = draw("row", pictures[k], tour.input, at), column = draw("column", pictures[k + 1], tour.output, over);
  element("state").textContent = `input (${at.row}, ${at.column}), output (${over.row}, ${over.column}), channel ${view.channel}: `
    + `row up to ${(127 * pictures[k].step).toPrecision(3)}, column up to ${(127 * pictures[k + 1].step).toPrecision(3)}`;
  shown = {line: view.line, place: view.place, channel: view.channel, zoom: view.zoom, root: view.root,
           row: {...pictures[k], values: undefined, part: row}, column: {...pictures[k + 1], values: undefined, part: column},
           milliseconds: performance.now() - began};
  load_around(view.line, view.place, mine);
}
function go(line, place) {
  line = Math.min(Math.max(line, 0), tour.down - 1);
  place = Math.min(Math.max(place, 0), tour.across - 1);
  if (line === view.line && place === view.place) return;
  view.line = line;
  view.place = place;
  show();
}
function follow(event) {
  const canvas = event.currentTarget;  // offsets begin inside the border
  go(Math.floor(event.offsetY / canvas.clientHeight * tour.input.height / tour.step),
     Math.floor(event.offsetX / canvas.clientWidth * tour.input.width / tour.step));
}
function set_zoom(zoom) {
  view.zoom = Math.min(Math.max(zoom, 1), 16);
  element("zoom").textContent = view.zoom + " x";
  show();
}
function set_channel(channel) {
  view.channel = channel % tour.channels;
  [...element("channels").children].forEach((button, k) => button.setAttribute("aria-pressed", k === view.channel));
  show();
}
function set_root() {
  view.root = !view.root;
  element("root").setAttribute("aria-pressed", view.root);
  show();
}
function key(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const far = event.shiftKey ? 8 : 1;
  const does = {ArrowUp: () => go(view.line - far, view.place), ArrowDown: () => go(view.line + far, view.place),
                ArrowLeft: () => go(view.line, view.place - far), ArrowRight: () => go(view.line, view.place + far),
                "+": () => set_zoom(2 * view.zoom), "=": () => set_zoom(2 * view.zoom), "-": () => set_zoom(view.zoom / 2),
                c: () => set_channel(view.channel + 1), r: set_root}[event.key];
  if (!does) return;
  event.preventDefault();
  does();
}

element("net").textContent = `${tour.net} (${tour.freeze}${tour.freeze === "frozen" ? ", norms " + tour.norm : ""})`;
for (let k = 0; k < tour.channels; k++) {
  const button = document.createElement("button");
  button.textContent = "channel " + k;
  button.onclick = () => set_channel(k);
  element("channels").append(button, " ");
}
for (const id of ["x", "row"]) fit(element(id), tour.input);
for (const id of ["y", "column"]) fit(element(id), tour.output);
for (const scale of document.querySelectorAll(".scale i"))
  scale.style.background = "linear-gradient(to right," + colours.map(c => `rgb(${c})`).join() + ")";
for (const id of ["x", "y"]) {
  element(id).addEventListener("pointermove", follow);
  element(id).addEventListener("pointerdown", follow);
}
for (const id of ["row", "column"])
  element(id).addEventListener("wheel", event => {
    event.preventDefault();
    set_zoom(event.deltaY < 0 ? 2 * view.zoom : view.zoom / 2);
  }, {passive: false});
element("in").onclick = () => set_zoom(2 * view.zoom);
element("out").onclick = () => set_zoom(view.zoom / 2);
element("root").onclick = set_root;
document.addEventListener("keydown", key);
const x = new Image(), y = new Image();
for (const [picture, file] of [[x, "x"], [y, "y"]]) {
  picture.onload = show;
  picture.src = "data/" + file + ".png";
}
set_zoom(1);
set_channel(0);
</script>
</html>
)html";

}  // namespace descrambler::cli
