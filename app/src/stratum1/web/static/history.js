// SPDX-License-Identifier: MIT
// The charts of the history page; fetched anew as often as the span has a new point.
"use strict";

(function () {
  const box = document.getElementById("charts");

  // One unit for a whole axis when `unit` (the step between its ticks) is given.
  function span(ns, unit) {
    const size = Math.max(Math.abs(ns), unit || 0);
    const [scale, name] = size < 1e3 ? [1, "ns"] : size < 1e6 ? [1e3, "µs"] : size < 1e9 ? [1e6, "ms"] : [1e9, "s"];
    const value = ns / scale;
    const digits = unit ? Math.max(0, -Math.floor(Math.log10(unit / scale) + 1e-9)) : Math.abs(value) < 10 && scale > 1 ? 1 : 0;
    return value.toFixed(Math.min(digits, 3)) + " " + name;
  }

  const fixed = (digits, name) => (value, unit) => {
    const wanted = unit ? Math.max(0, -Math.floor(Math.log10(unit) + 1e-9)) : digits;
    return (value.toFixed(Math.min(wanted, 5)) + " " + name).trim();
  };

  const CHARTS = [
    { title: "Offset of the pulse, mean and extremes", value: "offset_ns", low: "offset_min_ns", high: "offset_max_ns", format: span, least: 20 },
    { title: "Jitter", value: "jitter_ns", format: span, least: 20 },
    { title: "Error bound", value: "bound_ns", format: span, log: true },
    { title: "Frequency of the oscillator", value: "frequency_ppm", format: fixed(3, "ppm"), least: 0.002 },
    { title: "Temperature", value: "temperature_c", format: fixed(1, "°C"), least: 0.5 },
    { title: "Satellites used", value: "satellites_used", format: fixed(0, ""), least: 2, whole: true },
  ];

  let zone = box.dataset.zone;
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: zone });
  } catch {
    zone = "UTC";
  }
  const figures = CHARTS.map(() => {
    const figure = document.createElement("figure");
    figure.className = "chart";
    box.append(figure);
    return figure;
  });
  let data = null;

  function draw() {
    if (data !== null) CHARTS.forEach((what, i) => window.chart.draw(figures[i], data, what, zone));
  }

  async function load() {
    if (document.hidden) return;
    try {
      const answer = await fetch(box.dataset.history, { cache: "no-store" });
      if (!answer.ok) return;
      data = await answer.json();
    } catch {
      return; // The next round asks again.
    }
    draw();
  }

  let width = box.clientWidth;
  new ResizeObserver(() => {
    if (box.clientWidth !== width) {
      width = box.clientWidth;
      draw();
    }
  }).observe(box);
  document.addEventListener("visibilitychange", load);
  load();
  setInterval(load, { hour: 10000, day: 60000, month: 600000 }[box.dataset.span]);
})();
