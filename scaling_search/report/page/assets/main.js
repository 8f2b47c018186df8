// Puts the page together: every view that has something to show, one line for those that have not.

const place = document.getElementById("views");
const drawn = [];
const absent = [];

for (const definition of views) {
  const reason = definition.missing();
  if (reason) {
    absent.push(`${definition.title.toLowerCase()} (${reason})`);
    continue;
  }
  const { section, redraw } = build(definition);
  place.append(section);
  drawn.push({ section, redraw });
}
const images = imageSection();
if (images) place.append(images);
const whole = tableSection();
place.append(whole.section);
drawn.push(whole);
if (absent.length) place.append(h("p", { class: "absent wide" }, `Not in this report: ${absent.join("; ")}.`));

const winner = items.find((item) => item.standing === "winner");
if (winner) picks.push(winner.index);
drawBar();

const redrawAll = () => drawn.forEach(({ redraw }) => redraw());
onChange(redrawAll);
redrawAll();

let width = innerWidth;
let waiting = 0;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(redrawAll);
});

// Commands in the answer can be taken along.
for (const code of document.querySelectorAll(".answer code")) {
  const button = h("button", { type: "button", class: "quiet copy", onclick: async () => {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  } }, "copy");
  if (navigator.clipboard && code.textContent.startsWith("scaling-search ")) code.after(button);
}
document.documentElement.dataset.ready = "true";
