// What the page carries, and what a run consists of, in seconds.

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

function model(shown) {
  const { outcome, trace } = shown;
  const events = trace.map((event, index) => ({ ...event, index, t: event.at_ns / 1e9, group: GROUP_OF[event.what] || "faults" }));
  const last = events.reduce((most, event) => Math.max(most, event.t), 0);
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
  // Within a tick each host has a clock of its own, so a trace is in the order of causes, not of times.
  const byTime = (one, other) => one.t - other.t;
  for (const list of [events, run.messages, ...run.lanes.map((lane) => lane.notes)]) list.sort(byTime);
  for (const times of [...struck, ...run.lanes.flatMap((lane) => [lane.sent, lane.received])]) times.sort((one, other) => one - other);
  run.times = Float64Array.from(events, (event) => event.t);
  return run;
}
