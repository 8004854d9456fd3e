// Begins what is to be seen, and what the page does besides.

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
