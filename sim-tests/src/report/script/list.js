// The list of the events that are in view.

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
