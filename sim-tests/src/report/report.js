"use strict";
// Draws the timeline of each run, and the list of its events. All else is in the markup.
(() => {
  const parse = (id) => JSON.parse(document.getElementById(id).textContent);
  const summary = parse("summary");
  const kinds = parse("kinds");
  const FAMILIES = ["connecting", "breaking", "network", "process", "time", "application"];
  const GROUPS = { messages: "messages", notes: "notes", faults: "faults", hosts: "up and down" };
  const GROUP_OF = { sent: "messages", received: "messages", connected: "messages", note: "notes", boot: "hosts", down: "hosts" };
  const ROW = 24; // Height of a row of the list, as in report.css.
  const SHORTEST = 2e-6; // The least span that can be looked at, in seconds.
  const LAG = 2; // A message that is under way for longer is not paired.
  const ARROWS = [500, 1400]; // Up to so many messages are drawn in full; beyond the second, as a density only.

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const whole = (number) => number.toLocaleString("en").replaceAll(",", "\u202f");
  // Colours of a terminal, and what would turn the direction of what follows; as in text.rs.
  const plain = (text) => text.replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (it) => (/\s/.test(it) ? " " : "\ufffd"));
  const familyOf = (kind) => (kinds[kind] || { family: "application" }).family;

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children);
    return made;
  }

  /** The first index at which `time(index)` is not below `wanted`; times ascend. */
  function lowerBound(length, time, wanted) {
    let [low, high] = [0, length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (time(middle) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function words(event) {
    switch (event.what) {
      case "note": return event.text;
      case "boot": return "up";
      case "down": return "down";
      case "connected": return `connected to ${event.to}`;
      case "sent": return `→ ${event.to}: ${whole(event.bytes)} bytes`;
      case "received": return event.bytes ? `← ${event.from}: ${whole(event.bytes)} bytes` : `← ${event.from}: end of stream`;
      case "fault-began": return `fault ${event.fault} begins: ${event.text}`;
      case "fault-ended": return `fault ${event.fault} is over`;
      case "fault-struck": return `fault ${event.fault} strikes: ${event.kind}`;
      case "healed": return "all faults are over";
      case "violated": return `${event.law}: ${event.text}`;
      default: return event.what;
    }
  }

  // ---- What a run consists of, in seconds ------------------------------------------------------------------------

  function model(shown) {
    const { outcome, trace } = shown;
    const events = trace.map((event, index) => ({ ...event, index, t: event.at_ns / 1e9, group: GROUP_OF[event.what] || "faults" }));
    const last = events.length ? events[events.length - 1].t : 0;
    const end = Math.max(outcome.simulated_ms / 1e3, last, 1e-3);
    const run = { events, end, leftOut: shown.left_out, spans: [], messages: [], lines: [], lanes: [], laneOf: new Map() };
    const lane = (name) => {
      if (!run.laneOf.has(name)) {
        const made = { name, label: "", inList: "", serves: false, sent: [], received: [], notes: [], downs: [], boots: [], spans: [], ends: [] };
        run.laneOf.set(name, made);
        run.lanes.push(made);
      }
      return run.laneOf.get(name);
    };
    const struck = outcome.schedule.map(() => []);
    const begins = new Map();
    const under = new Map(); // Bytes that are under way, by sender and receiver.
    let healed = end;
    for (const event of events) {
      const { t } = event;
      if (!event.host && event.what !== "note") {
        if (event.what === "healed") {
          healed = Math.min(healed, t);
          run.lines.push({ t, label: "healed", is: "good", event });
        } else if (event.what === "violated") run.lines.push({ t, label: event.law, is: "bad", event });
        continue;
      }
      const here = lane(event.host);
      switch (event.what) {
        case "note": here.notes.push(event); break;
        case "boot":
          here.boots.push(event);
          if (here.isDown) here.downs[here.downs.length - 1].to = t;
          here.isDown = false;
          break;
        case "down":
          here.downs.push({ from: t, to: end, event });
          here.isDown = true;
          break;
        case "connected":
          lane(event.to).serves = true;
          run.messages.push({ t, until: t, from: event.host, to: event.to, event, is: "connected" });
          break;
        case "sent": {
          here.sent.push(t);
          const way = JSON.stringify([event.host, event.to]);
          const message = { t, until: t, from: event.host, to: event.to, event, is: "lost" };
          run.messages.push(message);
          if (!under.has(way)) under.set(way, []);
          under.get(way).push(message);
          break;
        }
        case "received": {
          here.received.push(t);
          const queue = under.get(JSON.stringify([event.from, event.host])) || [];
          while (queue.length && queue[0].t < t - LAG) queue.shift();
          const found = queue.findIndex((message) => message.event.bytes === event.bytes);
          if (event.bytes && found >= 0) {
            const [message] = queue.splice(found, 1);
            Object.assign(message, { until: t, is: "arrived", arrival: event });
          } else run.messages.push({ t, until: t, from: event.from, to: event.host, event, is: event.bytes ? "part" : "end" });
          break;
        }
        case "fault-began": begins.set(event.fault, event); break;
        case "fault-struck": if (struck[event.fault]) struck[event.fault].push(t); break;
        case "violated": run.lines.push({ t, label: event.law, is: "bad", event }); break;
      }
    }
    const { verdict } = outcome;
    if (verdict.is !== "passed" && !run.lines.some((line) => line.is === "bad")) {
      const t = verdict.at_ms === undefined ? end : verdict.at_ms / 1e3;
      run.lines.push({ t, label: verdict.law || verdict.is, is: "bad" });
    }
    outcome.schedule.forEach((fault, index) => {
      const from = fault.at_ms / 1e3;
      if (from > end) return;
      const to = Math.min(from + fault.lasts_ms / 1e3, Math.max(healed, from), end);
      const home = lane(fault.on);
      // The first row in which it does not overlap another.
      let row = home.ends.findIndex((free) => free <= from);
      if (row < 0) row = home.ends.length;
      home.ends[row] = Math.max(to, from + end / 60);
      home.spans.push({ index, fault, from, to, row, struck: struck[index], event: begins.get(index), family: familyOf(fault.kind) });
    });
    // What the run says first, then those that are connected to, then the others; each in the order of appearance.
    const rank = (one) => (one.name === "" ? 0 : one.serves ? 1 : 2);
    run.lanes.sort((one, other) => rank(one) - rank(other));
    run.lag = run.messages.reduce((most, message) => Math.max(most, message.until - message.t), 0);
    run.messages.sort((one, other) => one.t - other.t);
    run.times = Float64Array.from(events, (event) => event.t);
    return run;
  }

  // ---- Colours, which follow the page ----------------------------------------------------------------------------

  let colours;
  function readColours() {
    const style = getComputedStyle(document.documentElement);
    const names = ["paper", "band", "line", "ink", "soft", "faint", "bad", "good", "accent", ...FAMILIES];
    colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  // ---- One timeline ----------------------------------------------------------------------------------------------

  function timeline(root, shown) {
    const run = model(shown);
    const view = { from: 0, to: run.end };
    let chosen = null;
    let hits = [];
    let width = 0;
    let gutter = 0;
    let isNarrow = false;
    let pending = false;

    const canvas = element("canvas", {
      tabindex: 0, role: "application", class: "lanes",
      "aria-label": "Timeline. Plus and minus zoom, arrows move, 0 shows all. The events are listed below.",
    });
    const overview = element("canvas", { class: "overview", "aria-hidden": "true" });
    const tip = element("div", { class: "tip", hidden: true });
    const button = (text, label, act) => element("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
    const failure = run.lines.find((line) => line.is === "bad");
    const tools = element("div", { class: "tools" },
      button("−", "Zoom out (−)", () => zoom(2)),
      button("+", "Zoom in (+)", () => zoom(0.5)),
      button("All", "Show all (0)", () => look(0, run.end)));
    if (failure) tools.append(button("Failure", "Zoom to the failure (f)", toFailure));
    const legend = element("ul", { class: "legend" },
      ...FAMILIES.filter((family) => run.lanes.some((lane) => lane.spans.some((span) => span.family === family)))
        .map((family) => element("li", {}, element("span", { class: `dot ${family}` }), family)));
    const hint = element("span", { class: "hint" }, "Drag to move, pinch or ctrl + wheel to zoom, drag the strip to choose a range");
    root.append(element("div", { class: "strip" }, tools, legend, hint), overview, element("div", { class: "stage" }, canvas, tip));
    const list = eventList(run, root, () => view, choose, centre);

    // The view.
    function look(from, to) {
      const span = clamp(to - from, SHORTEST, run.end);
      view.from = clamp(from, 0, run.end - span);
      view.to = view.from + span;
      redraw();
    }
    /** What is looked at stays in view: what was chosen, else the failure, else the middle. */
    function focus() {
      const looked = [chosen, failure].find((it) => it && it.t >= view.from && it.t <= view.to);
      return looked ? looked.t : (view.from + view.to) / 2;
    }
    function zoom(factor, at = focus()) {
      const span = clamp((view.to - view.from) * factor, SHORTEST, run.end);
      const share = (at - view.from) / (view.to - view.from);
      look(at - span * share, at + span * (1 - share));
    }
    const move = (share) => look(view.from + (view.to - view.from) * share, view.to + (view.to - view.from) * share);
    function toFailure() {
      // With the last events before it.
      const before = lowerBound(run.times.length, (at) => run.times[at], failure.t) - 60;
      const span = Math.max(failure.t - (run.times[Math.max(0, before)] || 0), 1e-3) * 1.1;
      look(failure.t - span, failure.t + span * 0.1);
      if (failure.event) choose(failure.event);
    }
    function choose(event, scrolls = true) {
      chosen = event;
      if (event && (event.t < view.from || event.t > view.to)) centre(event);
      redraw();
      list.choose(event, scrolls);
    }
    function centre(event) {
      const span = Math.min(view.to - view.from, run.end / 20);
      look(event.t - span / 2, event.t + span / 2);
    }
    function redraw() {
      if (pending) return;
      pending = true;
      requestAnimationFrame(() => {
        pending = false;
        draw();
        list.update();
      });
    }

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

    function draw() {
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

    // What the pointer and the keys do.
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
    function showTip(px, py) {
      const hit = hitAt(px, py);
      tip.hidden = !hit;
      canvas.style.cursor = hit && hit.event ? "pointer" : "";
      if (!hit) return;
      tip.replaceChildren(...hit.lines.filter(Boolean).map((line) => element("div", {}, plain(line).slice(0, 400))));
      tip.style.left = `${clamp(px + 14, 4, Math.max(4, width - tip.offsetWidth - 4))}px`;
      tip.style.top = `${py + 18}px`;
    }
    const pointers = new Map();
    let travelled = 0;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, event.offsetX);
      travelled = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (before === undefined) return showTip(event.offsetX, event.offsetY);
      const others = [...pointers].filter(([id]) => id !== event.pointerId);
      pointers.set(event.pointerId, event.offsetX);
      travelled += Math.abs(event.offsetX - before);
      if (others.length) {
        const other = others[0][1];
        const [was, is] = [Math.abs(before - other), Math.abs(event.offsetX - other)];
        zoom(clamp(was / Math.max(is, 1), 0.5, 2), timeAt((event.offsetX + other) / 2));
      } else if (travelled > 3) {
        tip.hidden = true;
        move((before - event.offsetX) / plot());
      }
    });
    const release = (event) => {
      const wasDown = pointers.delete(event.pointerId);
      if (event.type !== "pointerup" || !wasDown || travelled > 3) return;
      const hit = hitAt(event.offsetX, event.offsetY);
      if (hit && hit.event) choose(hit.event);
      showTip(event.offsetX, event.offsetY);
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
    canvas.addEventListener("dblclick", (event) => zoom(0.25, timeAt(event.offsetX)));
    canvas.addEventListener("wheel", (event) => {
      const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
      // Without a key the page scrolls, unless the timeline was clicked before.
      if (!isSideways && !event.ctrlKey && !event.metaKey && document.activeElement !== canvas) return;
      event.preventDefault();
      if (isSideways) move((event.deltaX || event.deltaY) / plot());
      else zoom(Math.exp(clamp(event.deltaY, -100, 100) * 0.004), timeAt(event.offsetX));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const acts = {
        "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), _: () => zoom(2), 0: () => look(0, run.end),
        ArrowLeft: () => move(-0.15), ArrowRight: () => move(0.15), PageUp: () => move(-0.9), PageDown: () => move(0.9),
        Home: () => look(0, view.to - view.from), End: () => look(run.end - (view.to - view.from), run.end),
        f: failure && toFailure, Escape: () => choose(null),
      };
      if (event.ctrlKey || event.metaKey || event.altKey || !acts[event.key]) return;
      event.preventDefault();
      acts[event.key]();
    });
    let brush = null;
    overview.addEventListener("pointerdown", (event) => {
      overview.setPointerCapture(event.pointerId);
      const t = (event.offsetX / width) * run.end;
      const [from, to] = [view.from, view.to].map((edge) => (edge / run.end) * width);
      const isAll = view.to - view.from > run.end * 0.999;
      if (!isAll && Math.abs(event.offsetX - from) < 6) brush = { anchor: view.to };
      else if (!isAll && Math.abs(event.offsetX - to) < 6) brush = { anchor: view.from };
      else if (!isAll && event.offsetX > from && event.offsetX < to) brush = { grip: t - view.from };
      else brush = { anchor: t };
    });
    overview.addEventListener("pointermove", (event) => {
      if (!brush) return;
      const t = clamp((event.offsetX / width) * run.end, 0, run.end);
      if (brush.grip !== undefined) look(t - brush.grip, t - brush.grip + view.to - view.from);
      else look(Math.min(t, brush.anchor), Math.max(t, brush.anchor, Math.min(t, brush.anchor) + run.end / 1000));
    });
    for (const type of ["pointerup", "pointercancel"]) overview.addEventListener(type, () => { brush = null; });
    overview.addEventListener("dblclick", () => look(0, run.end));
    new ResizeObserver(redraw).observe(root);
    timelines.push(draw);
    redraw();
  }

  // ---- Strokes ---------------------------------------------------------------------------------------------------

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
    const alike = Map.groupBy(names.keys(), (at) => shown[at]);
    for (const group of alike.values()) {
      if (group.length < 2) continue;
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

  // ---- The list of events ----------------------------------------------------------------------------------------

  let lists = 0;
  function eventList(run, root, view, choose, centre) {
    const id = `events-${lists++}`;
    const hidden = new Set();
    let rows = [];
    let chosen = null;
    const search = element("input", { type: "search", placeholder: "Search events", "aria-label": "Search events", oninput: update });
    const toggles = Object.entries(GROUPS).map(([group, name]) => {
      const box = element("input", { type: "checkbox", checked: true, onchange: () => {
        if (box.checked) hidden.delete(group);
        else hidden.add(group);
        update();
      } });
      return element("label", {}, box, name);
    });
    const count = element("span", { class: "count", role: "status" });
    const body = element("div", { class: "rows" });
    const pane = element("div", { class: "list", tabindex: 0, role: "listbox", "aria-label": "Events in view", onscroll: paint }, body);
    root.append(element("div", { class: "strip filter" }, search, ...toggles, count), pane);
    pane.addEventListener("keydown", (event) => {
      const page = Math.max(1, Math.floor(pane.clientHeight / ROW) - 1);
      const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -rows.length, End: rows.length };
      const at = chosen ? rows.indexOf(chosen) : -1;
      if (event.key === "Enter" && at >= 0) centre(chosen);
      else if (steps[event.key] && rows.length) choose(rows[clamp(at + steps[event.key], 0, rows.length - 1)]);
      else return;
      event.preventDefault();
    });

    const text = (event) => (event.text_ ??= plain(words(event)));
    const folded = (event) => (event.folded_ ??= `${event.host} ${text(event)}`.toLowerCase());
    function update() {
      const { from, to } = view();
      const wanted = search.value.trim().toLowerCase();
      const first = lowerBound(run.times.length, (at) => run.times[at], from);
      const after = lowerBound(run.times.length, (at) => run.times[at], to + 1e-9);
      rows = run.events.slice(first, after).filter((event) => {
        if (event.what === "violated" || event.what === "healed") return !wanted || folded(event).includes(wanted);
        return !hidden.has(event.group) && (!wanted || folded(event).includes(wanted));
      });
      count.textContent = `${whole(rows.length)} of ${whole(run.events.length)} events`;
      body.style.height = `${Math.max(rows.length, 1) * ROW}px`;
      paint();
    }
    function paint() {
      const first = Math.max(0, Math.floor(pane.scrollTop / ROW) - 5);
      const after = Math.min(rows.length, first + Math.ceil(pane.clientHeight / ROW) + 10);
      const made = rows.slice(first, after).map((event, at) => {
        const isChosen = event === chosen;
        const row = element("div", {
          role: "option", id: `${id}-${event.index}`, class: `event ${event.what}`, "aria-selected": String(isChosen),
          style: `top:${(first + at) * ROW}px`, title: text(event).slice(0, 1000), onclick: () => choose(event, false), ondblclick: () => centre(event),
        });
        row.append(
          element("span", { class: "at" }, event.t.toFixed(6)),
          element("span", { class: "host", title: event.host }, run.laneOf.get(event.host)?.inList || "the run"),
          element("span", { class: "what" }, text(event).slice(0, 500)));
        return row;
      });
      if (!rows.length) made.push(element("p", { class: "none" }, search.value ? "No event in view matches." : "No event in view."));
      body.replaceChildren(...made);
      if (made.some((row) => row.getAttribute("aria-selected") === "true")) {
        pane.setAttribute("aria-activedescendant", `${id}-${chosen.index}`);
      } else pane.removeAttribute("aria-activedescendant");
    }
    return {
      update,
      choose(event, scrolls) {
        chosen = event;
        update();
        const at = rows.indexOf(event);
        const isSeen = at * ROW >= pane.scrollTop && (at + 1) * ROW <= pane.scrollTop + pane.clientHeight;
        if (at >= 0 && scrolls && !isSeen) pane.scrollTop = at * ROW - pane.clientHeight / 2;
        paint();
      },
    };
  }

  // ---- The page --------------------------------------------------------------------------------------------------

  const timelines = [];
  const begun = new WeakSet();
  function begin(root) {
    if (begun.has(root)) return;
    begun.add(root);
    const [where, index] = root.dataset.run.split("/");
    timeline(root, where === "sample" ? summary.sample : summary.broken[Number(index)].run);
  }
  const beginOpen = () => document.querySelectorAll(".timeline").forEach((root) => {
    if (!root.closest("details.run:not([open])")) begin(root);
  });
  const redrawAll = () => {
    readColours();
    timelines.forEach((draw) => draw());
  };
  readColours();
  beginOpen();
  document.querySelectorAll("details.run").forEach((run) => run.addEventListener("toggle", beginOpen));
  for (const media of ["(prefers-color-scheme: dark)", "print"]) matchMedia(media).addEventListener("change", redrawAll);
  const openTarget = () => {
    const target = location.hash.startsWith("#run-") && document.getElementById(location.hash.slice(1));
    if (!target) return;
    target.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", openTarget);
  // The address does not change when the same link is followed again.
  document.querySelectorAll(".found a").forEach((link) => link.addEventListener("click", () => setTimeout(openTarget)));
  openTarget();
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details.run:not([open])")];
    closed.forEach((run) => { run.open = true; });
    beginOpen();
    redrawAll();
  });
  addEventListener("afterprint", () => closed.forEach((run) => { run.open = false; }));
  document.querySelectorAll("button.copy").forEach((copy) => {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      const code = copy.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        copy.textContent = "Copied";
      } catch {
        // Files may not write the clipboard everywhere: the reader copies what is selected.
        getSelection().selectAllChildren(code);
        copy.textContent = "Selected";
      }
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    });
  });
})();
