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
    { title: window.say("Offset of the pulse, mean and extremes"), value: "offset_ns", low: "offset_min_ns", high: "offset_max_ns", format: span, least: 20 },
    { title: window.say("Jitter of the pulse"), value: "jitter_ns", format: span, least: 20 },
    { title: window.say("Error bound"), value: "bound_ns", format: span, log: true },
    { title: window.say("Frequency of the oscillator"), value: "frequency_ppm", format: fixed(3, "ppm"), least: 0.002 },
    { title: window.say("Temperature"), value: "temperature_c", format: fixed(1, "°C"), least: 0.5 },
    { title: window.say("Satellites used"), value: "satellites_used", format: fixed(0, ""), least: 2, whole: true },
  ];

  let zone = box.dataset.zone;
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: zone });
  } catch {
    zone = "UTC";
  }
  function figureIn(place) {
    const figure = document.createElement("figure");
    figure.className = "chart";
    place.append(figure);
    return figure;
  }

  if (window.uPlot === undefined) {
    document.getElementById("no-charts").hidden = false;
    return;
  }
  const figures = CHARTS.map(() => figureIn(box));
  const stability = figureIn(document.getElementById("stability"));
  let data = null;
  let deviations = null;

  function draw() {
    if (data !== null) CHARTS.forEach((what, i) => window.chart.overTime(figures[i], data, what, zone));
    if (deviations !== null) window.chart.stability(stability, deviations);
  }

  async function fetched(url) {
    const answer = await fetch(url, { cache: "no-store" });
    return answer.ok ? answer.json() : null;
  }

  async function load() {
    if (document.hidden) return;
    try {
      [data, deviations] = [(await fetched(box.dataset.history)) || data, (await fetched(box.dataset.stability)) || deviations];
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
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  document.addEventListener("visibilitychange", load);
  load();
  setInterval(load, { hour: 10000, day: 60000, month: 600000 }[box.dataset.span]);
})();
