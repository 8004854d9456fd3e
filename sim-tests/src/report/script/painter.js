// What a timeline looks like.

/** Draws the part of a run that is in view, and says what is where. */
function painter(run, view, root, canvas, overview) {
  let chosen = null;
  let hits = [];
  let width = 0;
  let gutter = 0;
  let isNarrow = false;

  // Where things are.
  const plot = () => width - gutter - 14;
  const x = (t) => gutter + ((t - view.from) / (view.to - view.from)) * plot();
  const timeAt = (px) => view.from + ((px - gutter) / plot()) * (view.to - view.from);
  function layOut() {
    const top = 30;
    let y = top;
    for (const lane of run.lanes) {
      lane.top = y;
      lane.base = y + (isNarrow ? 18 : 6) + lane.ends.length * 15 + 16;
      y = lane.base + 18;
    }
    return y + 2;
  }
  function context(target, height) {
    const ratio = window.devicePixelRatio || 1;
    target.style.height = `${height}px`;
    if (target.width !== Math.round(width * ratio) || target.height !== Math.round(height * ratio)) {
      target.width = Math.round(width * ratio);
      target.height = Math.round(height * ratio);
    }
    const pen = target.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    return pen;
  }

  function draw(selected) {
    chosen = selected;
    const before = width;
    width = root.clientWidth;
    if (!width) return;
    isNarrow = width < 620;
    const pen = context(canvas, layOut());
    pen.font = "12px system-ui, sans-serif";
    if (width !== before) nameLanes(pen);
    const height = layOut();
    hits = [];
    for (const [index, lane] of run.lanes.entries()) ground(pen, lane, index);
    axis(pen, height);
    pen.save();
    pen.beginPath();
    pen.rect(gutter - 6, 0, width - gutter + 6, height);
    pen.clip();
    if (run.leftOut) leftOut(pen, height);
    const first = lowerBound(run.messages.length, (at) => run.messages[at].t, view.from - run.lag);
    const after = lowerBound(run.messages.length, (at) => run.messages[at].t, view.to);
    const strength = legibility(first, after);
    densities(pen, 1 - strength * 0.75);
    for (const lane of run.lanes) {
      downs(pen, lane);
      lane.spans.forEach((span) => faultSpan(pen, lane, span));
    }
    if (strength > 0) arrows(pen, first, after, strength);
    for (const lane of run.lanes) notes(pen, lane);
    run.lines.forEach((line) => verticalLine(pen, line, height));
    if (chosen) selection(pen, height);
    pen.restore();
    names(pen);
    drawOverview();
  }

  function nameLanes(pen) {
    pen.font = "500 12px system-ui, sans-serif";
    const hosts = run.lanes.map((lane) => plain(lane.name) || "the run");
    const longest = Math.max(40, ...hosts.map((host) => pen.measureText(host).width + 1));
    gutter = isNarrow ? 8 : Math.min(longest + 20, 220);
    const column = Math.min(longest, isNarrow ? 84 : 200);
    const [labels, inList] = [isNarrow ? width - 16 : gutter - 20, column].map((room) => shortNames(pen, hosts, room));
    run.lanes.forEach((lane, at) => Object.assign(lane, { label: labels[at], inList: inList[at] }));
    root.style.setProperty("--host", `${column + 8}px`);
  }
  /** How clearly single messages would show, between 0 and 1: neither too many at all, nor too many at one place. */
  function legibility(first, after) {
    const columns = new Set();
    for (let at = first; at < after; at++) columns.add(Math.round(x(run.messages[at].t) / 8));
    const crowd = (after - first) / Math.max(1, columns.size);
    return Math.min(clamp((ARROWS[1] - (after - first)) / (ARROWS[1] - ARROWS[0]), 0, 1), clamp((6 - crowd) / 3, 0, 1));
  }
  function ground(pen, lane, index) {
    if (index % 2 === 0) {
      pen.fillStyle = colours.band;
      pen.fillRect(0, lane.top, width, lane.base + 18 - lane.top);
    }
    pen.strokeStyle = colours.line;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(gutter, lane.base + 0.5);
    pen.lineTo(width, lane.base + 0.5);
    pen.stroke();
  }
  function names(pen) {
    pen.textBaseline = "middle";
    for (const lane of run.lanes) {
      pen.font = "500 12px system-ui, sans-serif";
      pen.fillStyle = lane.name ? colours.ink : colours.soft;
      const [px, py] = isNarrow ? [8, lane.top + 9] : [10, (lane.top + lane.base + 18) / 2];
      pen.fillText(lane.label, px, py);
      hits.push({ x: 0, y: py - 8, w: isNarrow ? 120 : gutter, h: 16, lines: [lane.name || "the run as a whole"] });
    }
  }
  function axis(pen, height) {
    pen.font = "11px ui-monospace, monospace";
    pen.textBaseline = "middle";
    const wanted = (view.to - view.from) / Math.max(2, plot() / 95);
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= wanted);
    const decimals = clamp(-Math.floor(Math.log10(step) + 1e-9), 0, 9);
    for (let count = Math.ceil(view.from / step); count * step <= view.to; count++) {
      const px = x(count * step);
      pen.fillStyle = colours.line;
      pen.fillRect(Math.round(px), 24, 1, height - 24);
      const text = `${(count * step).toFixed(decimals)} s`;
      pen.fillStyle = colours.soft;
      const room = pen.measureText(text).width;
      if (px + room / 2 <= width && px - room / 2 >= 0) pen.fillText(text, px - room / 2, 14);
    }
  }
  function leftOut(pen, height) {
    const until = x(run.events.length ? run.events[0].t : run.end);
    if (until <= gutter) return;
    hatch(pen, gutter, 30, until - gutter, height - 30, colours.faint);
    label(pen, `${whole(run.leftOut)} earlier events were not kept`, gutter + 8, 40, until - gutter - 16, colours.soft);
  }

  /** Messages of each lane in bins of a few pixels: sent above the line, received below. */
  function densities(pen, alpha) {
    const bin = 3;
    const bins = Math.ceil(plot() / bin);
    const scale = bins / (view.to - view.from);
    const counts = run.lanes.map((lane) => [lane.sent, lane.received].map((times) => {
      const count = new Uint32Array(bins);
      const first = lowerBound(times.length, (at) => times[at], view.from);
      for (let at = first; at < times.length && times[at] <= view.to; at++) {
        count[Math.min(bins - 1, Math.floor((times[at] - view.from) * scale))] += 1;
      }
      return count;
    }));
    let most = 1;
    for (const pair of counts) for (const count of pair) for (const number of count) most = Math.max(most, number);
    pen.fillStyle = colours.accent;
    run.lanes.forEach((lane, index) => {
      const [sent, received] = counts[index];
      for (let at = 0; at < bins; at++) {
        if (!sent[at] && !received[at]) continue;
        const px = gutter + at * bin;
        const up = sent[at] ? 1.5 + 11.5 * Math.sqrt(sent[at] / most) : 0;
        const below = received[at] ? 1.5 + 11.5 * Math.sqrt(received[at] / most) : 0;
        pen.globalAlpha = alpha * 0.62;
        pen.fillRect(px, lane.base - up, bin - 0.6, up);
        pen.globalAlpha = alpha * 0.32;
        pen.fillRect(px, lane.base + 1, bin - 0.6, below);
        hits.push({
          x: px, y: lane.base - 13, w: bin, h: 26, isCoarse: true,
          lines: [`${whole(sent[at])} sent, ${whole(received[at])} received`, `${lane.name} · ${stamp(timeAt(px))} to ${stamp(timeAt(px + bin))}`],
        });
      }
    });
    pen.globalAlpha = 1;
  }

  function downs(pen, lane) {
    for (const down of lane.downs) {
      const [from, to] = [Math.max(x(down.from), gutter), Math.min(x(down.to), width)];
      if (to < gutter || from > width) continue;
      pen.globalAlpha = 0.75;
      hatch(pen, from, lane.base - 9, Math.max(2, to - from), 18, colours.process);
      pen.globalAlpha = 1;
      label(pen, "down", from + 6, lane.base, to - from - 12, colours.ink, true);
      hits.push({ x: from, y: lane.base - 9, w: to - from, h: 18, event: down.event, lines: [`${lane.name} is down`, `${stamp(down.from)} to ${stamp(down.to)}`] });
    }
    for (const boot of lane.boots) {
      const px = x(boot.t);
      if (px < gutter - 5 || px > width) continue;
      pen.fillStyle = colours.good;
      triangle(pen, px, lane.base - 3, px, lane.base + 5, 4);
      hits.push({ x: px - 5, y: lane.base - 5, w: 10, h: 11, event: boot, lines: [`${lane.name} is up`, stamp(boot.t)] });
    }
  }

  function faultSpan(pen, lane, span) {
    const { fault, family } = span;
    const [from, to] = [x(span.from), Math.max(x(span.to), x(span.from) + 3)];
    const y = lane.top + (isNarrow ? 18 : 4) + span.row * 15;
    if (to < gutter || from > width) return;
    const isInstant = !fault.lasts_ms;
    pen.fillStyle = colours[family];
    pen.globalAlpha = 0.07;
    pen.fillRect(from, y, to - from, lane.base + 13 - y);
    pen.globalAlpha = 0.24;
    pen.fillRect(from, y, to - from, 13);
    pen.globalAlpha = 1;
    if (isInstant) pen.fillRect(from, y, 1.5, lane.base + 13 - y);
    pen.fillRect(from, y, 3, 13);
    let before = -Infinity;
    for (let at = lowerBound(span.struck.length, (at) => span.struck[at], view.from); at < span.struck.length; at++) {
      const px = Math.round(x(span.struck[at]));
      if (px > width) break;
      if (px < before + 2) continue;
      before = px;
      pen.fillRect(px, y + 10, 1, 3);
    }
    const unit = kinds[fault.kind] ? kinds[fault.kind].unit : "";
    const size = unit ? ` ${whole(fault.size)} ${unit}` : "";
    const start = Math.max(from, gutter);
    const next = lane.spans.filter((other) => other.row === span.row && other.from > span.from)
      .reduce((least, other) => Math.min(least, x(other.from)), width);
    pen.font = "500 10.5px system-ui, sans-serif";
    label(pen, fault.kind + size, start + 7, y + 6.5, (isInstant ? next : Math.min(to, width)) - start - 9, colours.ink);
    const struck = span.struck.length ? `had an effect ${whole(span.struck.length)} times` : "no effect seen";
    const about = kinds[fault.kind] ? kinds[fault.kind].about : "";
    const lasts = isInstant ? "at once" : `for ${stamp(fault.lasts_ms / 1e3)}`;
    hits.push({
      x: from, y, w: Math.max(to - from, 6), h: 13, event: span.event,
      lines: [`${fault.kind}${size} on ${fault.on}`, about, `at ${stamp(span.from)}, ${lasts} · ${struck}`],
    });
  }

  function arrows(pen, first, after, strength) {
    pen.lineWidth = 1;
    for (let at = first; at < after; at++) {
      const message = run.messages[at];
      const [from, to] = [run.laneOf.get(message.from), run.laneOf.get(message.to)];
      if (message.until < view.from || (!from && !to)) continue;
      const isChosen = chosen && (chosen === message.event || chosen === message.arrival);
      pen.globalAlpha = isChosen ? 1 : strength * (message.is === "arrived" ? 0.55 : 0.4);
      pen.strokeStyle = pen.fillStyle = isChosen ? colours.ink : colours.accent;
      const [x1, x2] = [x(message.t), x(message.until)];
      const home = from || to;
      const away = to || from;
      let [y1, y2] = [home.base, away.base];
      const way = Math.sign(y2 - y1) || 1;
      if (message.is === "lost") y2 = y1 + way * 13;
      if (message.is === "part" || message.is === "end") y1 = y2 - way * 13;
      pen.setLineDash(message.is === "connected" ? [2, 3] : []);
      pen.beginPath();
      pen.moveTo(x1, y1);
      pen.lineTo(x2, y2);
      pen.stroke();
      pen.setLineDash([]);
      if (message.is === "arrived" || message.is === "part") triangle(pen, x1, y1, x2, y2, 3.4);
      if (message.is === "connected") ring(pen, x2, y2, 2.5);
      if (message.is === "end") pen.fillRect(x2 - 3, y2 - 1, 6, 2);
      const event = message.event;
      const lines = [words(event), `${event.host} · ${stamp(event.t)}`];
      if (message.is === "arrived") lines.push(`read by ${message.to} ${stamp(message.until - message.t)} later`);
      if (message.is === "lost") lines.push("no read of the same size followed");
      hits.push({ line: [x1, y1, x2, y2], event, lines });
    }
    pen.globalAlpha = 1;
  }

  function notes(pen, lane) {
    let before = -Infinity;
    const first = lowerBound(lane.notes.length, (at) => lane.notes[at].t, view.from);
    pen.font = "11px system-ui, sans-serif";
    for (let at = first; at < lane.notes.length && lane.notes[at].t <= view.to; at++) {
      const note = lane.notes[at];
      const px = x(note.t);
      if (px < before + 2.5) continue;
      const next = lane.notes[at + 1];
      const nextAt = next ? Math.min(x(next.t), width) : width;
      // In a crowd they are small: the messages behind them stay visible.
      const isCrowded = px - before < 9 || nextAt - px < 9;
      before = px;
      if (!isCrowded) {
        pen.fillStyle = colours.paper;
        disc(pen, px, lane.base, 4.2);
      }
      pen.fillStyle = colours.ink;
      disc(pen, px, lane.base, isCrowded ? 1.3 : 2.8);
      const room = nextAt - px - 14;
      if (room > 50) label(pen, note.text, px + 6, lane.base + 10, room, colours.soft);
      hits.push({ x: px - 4, y: lane.base - 4, w: 8, h: 8, event: note, lines: [note.text, `${lane.name || "the run"} · ${stamp(note.t)}`] });
    }
  }

  function verticalLine(pen, line, height) {
    const px = x(line.t);
    if (px < gutter - 1 || px > width) return;
    pen.fillStyle = colours[line.is];
    pen.fillRect(Math.round(px) - (line.is === "bad" ? 1 : 0), 22, line.is === "bad" ? 2 : 1, height - 22);
    pen.font = "600 11px system-ui, sans-serif";
    const text = fitted(pen, plain(line.label), Math.min(420, plot() - 20));
    const room = pen.measureText(text).width + 12;
    const left = clamp(px - room / 2, gutter, width - room);
    pen.beginPath();
    pen.roundRect(left, 5, room, 18, 4);
    pen.fill();
    pen.fillStyle = colours.paper;
    pen.textBaseline = "middle";
    pen.fillText(text, left + 6, 14.5);
    hits.push({ x: left, y: 4, w: room, h: 19, event: line.event, lines: [line.label, stamp(line.t)] });
    hits.push({ x: px - 2, y: 22, w: 5, h: height - 22, event: line.event, lines: [line.label, stamp(line.t)], isCoarse: true });
  }

  function selection(pen, height) {
    const px = x(chosen.t);
    pen.fillStyle = pen.strokeStyle = colours.ink;
    pen.globalAlpha = 0.5;
    pen.fillRect(Math.round(px), 24, 1, height - 24);
    pen.globalAlpha = 1;
    const lane = run.laneOf.get(chosen.host);
    pen.lineWidth = 2;
    if (lane) ring(pen, px, lane.base, 7);
  }

  function drawOverview() {
    const height = 40;
    const pen = context(overview, height);
    const px = (t) => (t / run.end) * width;
    const bins = Math.max(1, Math.floor(width / 2));
    const counts = new Uint32Array(bins);
    for (const t of run.times) counts[Math.min(bins - 1, Math.floor((t / run.end) * bins))] += 1;
    const most = counts.reduce((one, other) => Math.max(one, other), 1);
    pen.fillStyle = colours.faint;
    counts.forEach((count, at) => {
      const tall = count ? 1 + 25 * Math.sqrt(count / most) : 0;
      pen.fillRect((at * width) / bins, 28 - tall, width / bins - 0.4, tall);
    });
    for (const lane of run.lanes) for (const span of lane.spans) {
      pen.fillStyle = colours[span.family];
      pen.globalAlpha = 0.7;
      pen.fillRect(px(span.from), 31, Math.max(2, px(span.to) - px(span.from)), 5);
    }
    pen.globalAlpha = 1;
    for (const line of run.lines) {
      pen.fillStyle = colours[line.is];
      pen.fillRect(clamp(px(line.t) - 1, 0, width - 2), 0, 2, height);
    }
    const [from, to] = [px(view.from), Math.max(px(view.to), px(view.from) + 3)];
    pen.fillStyle = colours.paper;
    pen.globalAlpha = 0.6;
    pen.fillRect(0, 0, from, height);
    pen.fillRect(to, 0, width - to, height);
    pen.globalAlpha = 1;
    pen.strokeStyle = colours.soft;
    pen.lineWidth = 1;
    pen.strokeRect(from + 0.5, 0.5, to - from - 1, height - 1);
    pen.fillStyle = colours.soft;
    for (const edge of [from, to]) pen.fillRect(clamp(edge - 2, 0, width - 4), height / 2 - 7, 4, 14);
  }

  function hitAt(px, py) {
    const near = (hit) => {
      if (!hit.line) return px >= hit.x - 1 && px <= hit.x + hit.w + 1 && py >= hit.y && py <= hit.y + hit.h;
      const [x1, y1, x2, y2] = hit.line;
      const share = clamp(((px - x1) * (x2 - x1) + (py - y1) * (y2 - y1)) / ((x2 - x1) ** 2 + (y2 - y1) ** 2 || 1), 0, 1);
      return Math.hypot(px - x1 - share * (x2 - x1), py - y1 - share * (y2 - y1)) < 4;
    };
    const found = hits.filter(near);
    return found.findLast((hit) => !hit.isCoarse) || found[found.length - 1];
  }
  return { draw, hitAt, timeAt, plot, width: () => width };
}
