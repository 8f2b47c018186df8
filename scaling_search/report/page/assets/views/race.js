// The race: who was tested in which round, and who was eliminated by what.

const tested = data.race.flatMap((round) => round.tests.filter((test) => has(test.statistic) && test.threshold > 0));

view({
  id: "race",
  title: "The race",
  missing: () => (tested.length ? null : "no round of a race was tested"),
  says: () => "After each round, with one more seed, a candidate is tested against the best of the others. Above 1 its statistic exceeds the threshold: it is eliminated.",
  legend: () => [legendMark("dot", "in-the-set", "goes on"), legendMark("cross", "eliminated-now", "eliminated")],
  draw(width) {
    const chart = new Chart(width, Math.min(430, Math.max(320, width * 0.62)), { top: 48, left: 40 });
    const numbers = data.race.map((round) => round.number);
    const x = linear([numbers[0] - 0.4, numbers.at(-1) + 0.4], [chart.left, chart.right]);
    const most = tested.reduce((a, test) => Math.max(a, test.statistic / test.threshold), 1.2);
    const y = squareRoot([0, most * 1.08], [chart.bottom, chart.top]);
    chart.add(chart.behind, "rect", { class: "out-zone", x: chart.left, width: chart.right - chart.left, y: chart.top, height: y(1) - chart.top });
    chart.yAxis(y, String, "Test statistic ÷ threshold");
    chart.xAxis(Object.assign((value) => x(value), { ticks: () => numbers }), String, "Round (seeds trained)");
    let free = 0;
    for (const round of data.race) {
      const text = `${round.tests.length} in`;
      const half = textWidth(text) / 2;
      if (x(round.number) - half < free) continue;
      chart.text(x(round.number), 34, text, { anchor: "middle", class: "soft" });
      free = x(round.number) + half + 6;
    }
    const paths = new Map();
    const rounds = data.race.map((round) => ({ round, tests: round.tests.filter((test) => has(test.statistic) && test.threshold > 0) }));
    for (const { round, tests } of rounds) {
      for (const test of tests) {
        const at = [x(round.number), y(test.statistic / test.threshold)].map((value) => value.toFixed(1)).join(" ");
        paths.set(test.candidate, `${paths.get(test.candidate) ?? ""}${paths.has(test.candidate) ? "L" : "M"}${at}`);
      }
    }
    for (const [key, d] of paths) {
      const index = indexOf.get(key);
      const at = pickOf(index);
      chart.add(chart.lines, "path", { class: `track ${paths.size > FEW ? "many" : ""} ${at < 0 ? slug(items[index].standing) : `pick${at}`}`, d, "data-i": index });
    }
    for (const { round, tests } of rounds) {
      for (const test of tests) {
        const index = indexOf.get(test.candidate);
        const rows = [[`Round ${round.number}, statistic`, `${decimal(test.statistic, 2)}, threshold ${decimal(test.threshold, 2)}`]];
        if (has(test.p)) rows.push(["p", test.p < 0.001 ? "under 0.001" : decimal(test.p, 3)]);
        if (test.behind) rows.push(["Points behind, this round", `${percent(test.behind.value)} ${boundsText(test.behind)}`]);
        const pick = !test.inside || round === data.race.at(-1);
        chart.mark(test.inside ? "dot" : "cross", x(round.number), y(test.statistic / test.threshold),
          { index, rows, pick, className: test.inside ? slug(items[index].standing) : "eliminated-now" });
      }
    }
    return chart;
  },
  rows: () => ({ head: ["round", "seeds", "candidate", "inside", "statistic", "threshold", "p", "behind", "low", "high"],
    body: data.race.flatMap((round) => round.tests.map((test) => [round.number, round.seeds, labelOf(items[indexOf.get(test.candidate)]),
      test.inside ? "yes" : "no", test.statistic, test.threshold, test.p, test.behind?.value, test.behind?.low, test.behind?.high])) }),
});
