// What the pointer and the keys do to a timeline.

function timeline(root, shown) {
  const run = model(shown);
  const view = { from: 0, to: run.end };
  let chosen = null;
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
  const { draw, hitAt, timeAt, plot, width } = painter(run, view, root, canvas, overview);
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
      draw(chosen);
      list.update();
    });
  }

  // What the pointer and the keys do.
  function showTip(px, py) {
    const hit = hitAt(px, py);
    tip.hidden = !hit;
    canvas.style.cursor = hit && hit.event ? "pointer" : "";
    if (!hit) return;
    tip.replaceChildren(...hit.lines.filter(Boolean).map((line) => element("div", {}, plain(line).slice(0, 400))));
    tip.style.left = `${clamp(px + 14, 4, Math.max(4, width() - tip.offsetWidth - 4))}px`;
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
    const t = (event.offsetX / width()) * run.end;
    const [from, to] = [view.from, view.to].map((edge) => (edge / run.end) * width());
    const isAll = view.to - view.from > run.end * 0.999;
    if (!isAll && Math.abs(event.offsetX - from) < 6) brush = { anchor: view.to };
    else if (!isAll && Math.abs(event.offsetX - to) < 6) brush = { anchor: view.from };
    else if (!isAll && event.offsetX > from && event.offsetX < to) brush = { grip: t - view.from };
    else brush = { anchor: t };
  });
  overview.addEventListener("pointermove", (event) => {
    if (!brush) return;
    const t = clamp((event.offsetX / width()) * run.end, 0, run.end);
    if (brush.grip !== undefined) look(t - brush.grip, t - brush.grip + view.to - view.from);
    else look(Math.min(t, brush.anchor), Math.max(t, brush.anchor, Math.min(t, brush.anchor) + run.end / 1000));
  });
  for (const type of ["pointerup", "pointercancel"]) overview.addEventListener(type, () => { brush = null; });
  overview.addEventListener("dblclick", () => look(0, run.end));
  new ResizeObserver(redraw).observe(root);
  timelines.push(() => draw(chosen));
  redraw();
}
