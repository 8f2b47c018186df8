// Charts of one row an item, long ones shown in part.

// Which long charts show all their rows; else the first, and whatever is picked.
const expanded = { behind: false, splits: false, classes: false };

function firstRows(list, name, most) {
  return expanded[name] ? list : list.filter((item, at) => at < most || pickOf(item.index) >= 0);
}

/** A chart of one row an item: labels to the left, rules between. */
function rowChart(width, list, label, { row = 20, bottom = 44, top = 8 } = {}) {
  const space = Math.min(width * 0.42, Math.max(40, ...list.map((item) => textWidth(label(item)))) + 16);
  const chart = new Chart(width, top + bottom + row * list.length, { left: space, top, bottom });
  chart.rowwise = true;
  list.forEach((item, at) => {
    const y = top + row * (at + 0.5);
    chart.text(space - 10, y + 4, fitted(label(item), space - 12), { anchor: "end", class: "row-label", "data-i": item.index ?? null });
    chart.add(chart.behind, "line", { class: "rule faint", x1: space, x2: chart.right, y1: y, y2: y });
  });
  return { chart, height: (at) => top + row * (at + 0.5) };
}

/** Picks' numbers would not find room between rows: the row is marked instead. */
function markRow(chart, item, y, row = 20) {
  const at = pickOf(item.index);
  if (at < 0) return;
  chart.add(chart.behind, "rect", { class: `row-pick pick${at}`, x: 0, width: chart.width, y: y - row / 2, height: row });
}
