// The family over φ, predictions beside results.

const grown = members.filter((member) => member.results.validation || member.predicted);

view({
  id: "family",
  title: "The family",
  wide: true,
  missing: () => (grown.length ? null : "no family was predicted or trained"),
  says: () => `What each triple gives over φ. Light bars were predicted before training; marks are what came, with intervals${LEVEL}.`,
  legend: () => [legendMark("M-8-4H8V4H-8Z", "predicted", "predicted"), legendMark("dot", "family0", "validation"), legendMark("square", "test", "test")],
  draw(width) {
    const chart = new Chart(width, Math.min(420, Math.max(330, width * 0.6)), { right: 22, bottom: 58 });
    const phis = [...new Set(grown.map((member) => member.phi))].sort((a, b) => a - b);
    const x = linear([phis[0] - 0.45, phis.at(-1) + 0.45], [chart.left, chart.right]);
    const values = grown.flatMap(({ predicted, results }) => [predicted?.low, predicted?.high, ...["validation", "test"].flatMap((name) =>
      [results[name]?.mean, results[`${name}_interval`]?.low, results[`${name}_interval`]?.high])]);
    const y = linear(extent(values, 0.05, 0.002), [chart.bottom, chart.top]);
    chart.yAxis(y, tick, "Accuracy (%)");
    chart.xAxis(Object.assign((value) => x(value), { ticks: () => phis }), coefficient, "φ");
    const [first] = data.families;
    const cost = data.costs[0];
    let free = 0;
    for (const member of first.members) {
      const text = cost && has(member.network.costs[cost.key]) ? costText(member.network.costs[cost.key], cost.kind, 2) : null;
      if (text === null || !phis.includes(member.phi)) continue;
      const half = textWidth(text) / 2;
      if (x(member.phi) - half < free) continue;
      chart.text(x(member.phi), chart.bottom + 34, text, { anchor: "middle", class: "soft" });
      free = x(member.phi) + half + 8;
    }
    if (free) chart.text(chart.left, chart.bottom + 52, `${cost.title} below φ`, { class: "soft" });
    const gap = Math.min(10, (x(1) - x(0)) / (2 * data.families.length + 1) / 1.4);
    data.families.forEach((family, number) => drawFamily(chart, family, number % 4, (phi) => x(phi) + gap * 2 * (number - (data.families.length - 1) / 2), y));
    return chart;
  },
  rows: () => ({ head: ["family", "phi", "network", "status", "predicted", "predicted_low", "predicted_high", "validation", "validation_low",
    "validation_high", "test", "test_low", "test_high"], body: members.map(({ family, phi, network, status, predicted, results: r }) =>
    [family.name, phi, network.name, status, predicted?.value, predicted?.low, predicted?.high, r.validation?.mean, r.validation_interval?.low,
      r.validation_interval?.high, r.test?.mean, r.test_interval?.low, r.test_interval?.high]) }),
});

function memberRows({ network, status, predicted, results, remark }) {
  const rows = [["Network", network.name], ["Status", status], ["Validation accuracy (%), mean ± sd (n)", estimateText(results.validation)],
    ["Validation accuracy (%), interval", boundsText(results.validation_interval)], ["Test accuracy (%), mean ± sd (n)", estimateText(results.test)],
    ["Test accuracy (%), interval", boundsText(results.test_interval)],
    ["Predicted (%)", predicted ? `${percent(predicted.value)} ${boundsText(predicted)}` : null],
    ...data.costs.map((cost) => [cost.title, has(network.costs[cost.key]) ? costText(network.costs[cost.key], cost.kind) : null]),
    ["Resolution (px)", network.resolution], ["Depths", network.depths], ["Remark", remark]];
  return rows.filter(([, text]) => has(text)).map(([name, text]) => [name, String(text)]);
}

function drawFamily(chart, family, number, x, y) {
  const index = indexOf.get(family.candidate) ?? null;
  const at = index === null ? -1 : pickOf(index);
  const look = at < 0 ? `family${number}` : `pick${at}`;
  for (const { phi, predicted } of family.members) {
    if (predicted) chart.add(chart.behind, "rect", { class: `predicted ${look}`, x: x(phi) - 7, width: 14, y: y(predicted.high), height: Math.max(2, y(predicted.low) - y(predicted.high)) });
    if (has(predicted?.value)) chart.add(chart.behind, "path", { class: `predicted-mean ${look}`, d: `M${x(phi) - 7} ${y(predicted.value)}h14` });
  }
  const label = (member) => ({ index, pick: false, title: `φ = ${coefficient(member.phi)}, ${family.name}`, rows: memberRows(member) });
  for (const [name, shape, shift] of [["test", "square", 5], ["validation", "dot", -2]]) {
    const known = family.members.filter((member) => member.results[name]);
    chart.add(chart.lines, "path", { class: `member-line ${name} ${look}`, "data-i": index,
      d: known.map((member, i) => `${i ? "L" : "M"}${(x(member.phi) + shift).toFixed(1)} ${y(member.results[name].mean).toFixed(1)}`).join("") });
    for (const member of known) {
      const bounds = member.results[`${name}_interval`];
      const middle = x(member.phi) + shift;
      if (bounds) chart.whisker(middle, y(bounds.low), middle, y(bounds.high), look);
      chart.mark(shape, middle, y(member.results[name].mean), { ...label(member), className: `${name} ${look}` });
    }
    if (name === "validation" && known.length) {
      const end = known.at(-1);
      chart.want(family.name, x(end.phi), y(end.results.validation.mean), look, 12);
    }
  }
  for (const member of family.members) {
    if (member.predicted && !member.results.validation) chart.mark("M-7 0H7", x(member.phi), y(member.predicted.value ?? member.predicted.low), { ...label(member), className: look });
  }
}
