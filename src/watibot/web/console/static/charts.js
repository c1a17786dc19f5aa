// Draws a chart of every table that asks for one: the table is the page's own, and stays.
//   <table data-chart>: a row for each place, its <th scope="row"> is the label below it;
//   <th scope="col" data-draw="bars | line | dashes" data-axis="left | right" data-unit="s">: what is
//   drawn, and in what;
//   <td data-value="1.5">: the number, without it a gap.
"use strict";
(() => {
  const INKS = { line: "--act", dashes: "--warn" };
  const drawn = new Map(); // table -> chart
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function read(table) {
    const labels = [...table.tBodies[0].rows].map((row) => row.cells[0].textContent.trim());
    const series = [...table.tHead.rows[0].cells].flatMap((head, column) => {
      if (!head.dataset.draw) return [];
      const values = [...table.tBodies[0].rows].map((row) => {
        const value = row.cells[column].dataset.value;
        return value === undefined ? null : Number(value);
      });
      return [{ head, column, values }];
    });
    return { labels, series };
  }

  function chart(table) {
    const { labels, series } = read(table);
    if (!labels.length || !series.length) return;
    const box = document.createElement("div");
    box.className = "chart";
    box.setAttribute("aria-hidden", "true"); // the table says it
    (table.closest("details") || table).before(box);
    const wide = Math.max(box.clientWidth, 200);
    const sides = new Set(series.map((each) => each.head.dataset.axis || "left"));
    const written = (each) => (u, value, of, at) =>
      at === null || at === undefined || value === null
        ? "–" : table.tBodies[0].rows[at].cells[each.column].textContent.trim();
    const plot = new uPlot({
      width: wide,
      height: 240,
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: { time: false, range: [-0.6, labels.length - 0.4] },
        ...Object.fromEntries([...sides].map((side) => [side, { range: (u, low, high) => [0, high > 0 ? high * 1.1 : 1] }])),
      },
      axes: [
        { ...paper(), values: (u, at) => at.map((place) => labels[place] ?? ""), incrs: [1, 2, 3, 4, 6, 7, 12], space: 56, grid: { show: false } },
        ...[...sides].map((side) => ({ ...paper(), scale: side, side: side === "left" ? 3 : 1, size: 62, values: unit(series, side), grid: { show: side === "left", stroke: () => ink("--line"), width: 1 } })),
      ],
      series: [
        { label: table.tHead.rows[0].cells[0].textContent.trim(), value: (u, value, of, at) => labels[at] ?? "–" },
        ...series.map((each) => drawing(each, written(each))),
      ],
    }, [labels.map((_, place) => place), ...series.map((each) => each.values)], box);
    drawn.set(table, { plot, box });
    watcher.observe(box);
  }

  const paper = () => ({ stroke: () => ink("--dim"), font: "13px system-ui, sans-serif", ticks: { show: false } });

  const unit = (series, side) => {
    const { dataset } = series.find((each) => (each.head.dataset.axis || "left") === side).head;
    return (u, at) => at.map((value) => (dataset.unit ? `${value} ${dataset.unit}` : value));
  };

  function drawing({ head }, value) {
    const common = { label: head.textContent.trim(), scale: head.dataset.axis || "left", value };
    if (head.dataset.draw === "bars") {
      const paths = uPlot.paths.bars({ size: [0.7, 40] });
      return { ...common, paths, stroke: () => ink("--dim"), fill: () => ink("--line"), width: 1, points: { show: false } };
    }
    const stroke = () => ink(INKS[head.dataset.draw]);
    return { ...common, stroke, width: 2, dash: head.dataset.draw === "dashes" ? [6, 4] : [], spanGaps: false, points: { show: true, size: 6 } };
  }

  const watcher = new ResizeObserver((seen) => {
    for (const { target, contentRect } of seen) {
      for (const { plot, box } of drawn.values()) {
        if (box === target && contentRect.width && Math.abs(contentRect.width - plot.width) > 1) {
          plot.setSize({ width: contentRect.width, height: 240 });
        }
      }
    }
  });

  function draw() {
    for (const [table, { plot, box }] of drawn) {
      if (table.isConnected) continue;
      watcher.unobserve(box);
      plot.destroy();
      drawn.delete(table);
    }
    for (const table of document.querySelectorAll("table[data-chart]")) if (!drawn.has(table)) chart(table);
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const { plot } of drawn.values()) plot.redraw();
  });
  document.body.addEventListener("htmx:afterSwap", draw);
  // After console.js has noted the regions as they came.
  document.addEventListener("DOMContentLoaded", draw);
})();
