// Colours, which follow the page, and what is drawn with them.

let colours;
function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["paper", "band", "line", "ink", "soft", "faint", "bad", "good", "accent", ...FAMILIES];
  colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

const stamp = (seconds) => {
  const size = Math.abs(seconds);
  if (size !== 0 && size < 1e-3) return `${(seconds * 1e6).toFixed(1)} µs`;
  if (size !== 0 && size < 1) return `${(seconds * 1e3).toFixed(size < 0.1 ? 2 : 1)} ms`;
  return `${seconds.toFixed(3)} s`;
};
function fitted(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let [low, high] = [0, Math.min(text.length, 200)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle;
    else high = middle - 1;
  }
  return low ? `${text.slice(0, low)}…` : "";
}
/** Hosts often differ in the ends of their names, so these stay. */
function inMiddle(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  const head = fitted(pen, text, room * 0.5);
  let tail = text.slice(-40);
  while (tail && pen.measureText(head + tail).width > room) tail = tail.slice(1);
  return head + tail;
}
/** Names that fit. Those which would then be alike show where they differ. */
function shortNames(pen, names, room) {
  const fits = (text) => pen.measureText(text).width <= room;
  const shown = names.map((name) => inMiddle(pen, name, room));
  for (const text of new Set(shown.filter((text, at) => shown.indexOf(text) !== at))) {
    const group = [...names.keys()].filter((at) => shown[at] === text);
    const [one, ...others] = group.map((at) => names[at]);
    const least = Math.min(...group.map((at) => names[at].length));
    let head = 0;
    while (head < least && others.every((other) => other[head] === one[head])) head++;
    let tail = 0;
    while (tail < least - head && others.every((other) => other.at(-1 - tail) === one.at(-1 - tail))) tail++;
    for (const at of group) {
      const end = names[at].length - tail;
      const from = (start) => `…${names[at].slice(start, end)}…`;
      let start = head;
      while (start > 0 && fits(from(start - 1))) start--;
      shown[at] = fits(from(start)) ? from(start) : inMiddle(pen, from(start), room);
    }
  }
  return shown;
}
function label(pen, text, px, py, room, colour, isAllOrNothing = false) {
  if (room < 16 || (isAllOrNothing && pen.measureText(text).width > room)) return;
  text = plain(text.slice(0, 400));
  const shown = fitted(pen, text, room);
  if (shown !== text && shown.length < 4) return;
  pen.fillStyle = colour;
  pen.textBaseline = "middle";
  pen.fillText(shown, px, py);
}
function disc(pen, px, py, radius) {
  pen.beginPath();
  pen.arc(px, py, radius, 0, 7);
  pen.fill();
}
function ring(pen, px, py, radius) {
  pen.beginPath();
  pen.arc(px, py, radius, 0, 7);
  pen.stroke();
}
/** The head of an arrow from the first point to the second. */
function triangle(pen, x1, y1, x2, y2, size) {
  const angle = Math.atan2(y2 - y1, x2 - x1);
  pen.beginPath();
  pen.moveTo(x2, y2);
  for (const side of [2.6, -2.6]) pen.lineTo(x2 + 2 * size * Math.cos(angle + side), y2 + 2 * size * Math.sin(angle + side));
  pen.fill();
}
function hatch(pen, px, py, wide, tall, colour) {
  pen.save();
  pen.beginPath();
  pen.rect(px, py, wide, tall);
  pen.clip();
  pen.fillStyle = colours.paper;
  pen.fillRect(px, py, wide, tall);
  pen.strokeStyle = colour;
  pen.lineWidth = 1.2;
  pen.beginPath();
  for (let at = px - (px % 6) - tall; at < px + wide; at += 6) {
    pen.moveTo(at, py + tall);
    pen.lineTo(at + tall, py);
  }
  pen.stroke();
  pen.restore();
}
