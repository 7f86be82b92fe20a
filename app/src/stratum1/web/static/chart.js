// SPDX-License-Identifier: MIT
// Charts by uPlot in the page's own colours: a reading under the pointer, the finger and the arrow keys.
"use strict";

(function () {
  const say = window.say;
  const HEIGHT = 190;
  const STRIP = 5;
  const STATES = { LOCKED: "--good", HOLDOVER: "--warning", ACQUIRING: "--busy", UNSYNCHRONISED: "--alarm" };

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // Figure, caption, reading and the place of the drawing; a slider, so that arrow keys and screen readers know it.
  function frame(figure, title) {
    if (figure.querySelector(".plot") !== null) return figure;
    const caption = document.createElement("figcaption");
    const name = document.createElement("span");
    name.className = "chart-title";
    name.textContent = title;
    caption.append(name, document.createElement("output"));
    const plot = document.createElement("div");
    plot.className = "plot";
    plot.tabIndex = 0;
    plot.setAttribute("role", "slider");
    plot.setAttribute("aria-label", title);
    plot.setAttribute("aria-valuemin", "0");
    figure.append(caption, plot);
    return figure;
  }

  function axis(size, values) {
    const line = { stroke: colour("--line"), width: 1 };
    return { stroke: colour("--faint"), font: "11px system-ui, sans-serif", size, gap: 4, grid: line, ticks: { ...line, size: 4 }, values };
  }

  // A line with air around it, and never a bare one.
  function aired(low, high, least) {
    if (low === null) return [0, least || 1];
    const air = Math.max((high - low) * 0.08, ((least || 0) - (high - low)) / 2, 0);
    return [low - air, high + air];
  }

  // What the pointer, the keys and the reading have to do with each other; `tell(i)` says point i in words.
  function listen(figure, tell, summary, count) {
    const plot = figure.querySelector(".plot");
    const reading = figure.querySelector("output");
    figure.told = { tell, summary, count };
    plot.setAttribute("aria-valuemax", String(Math.max(count - 1, 0)));
    function show(i) {
      const { tell, summary, count } = figure.told;
      const known = i !== null && i !== undefined && i < count;
      figure.at = known ? i : null;
      reading.textContent = known ? tell(i) : summary;
      plot.setAttribute("aria-valuenow", String(known ? i : Math.max(count - 1, 0)));
      plot.setAttribute("aria-valuetext", reading.textContent);
    }
    figure.show = show;
    show(figure.at === undefined ? null : figure.at);
    if (figure.heard) return;
    figure.heard = true;
    plot.addEventListener("keydown", (event) => {
      const { count } = figure.told;
      const from = figure.at === null || figure.at === undefined ? count : figure.at;
      const to = { ArrowLeft: from - 1, ArrowDown: from - 1, ArrowRight: from + 1, ArrowUp: from + 1, PageUp: from + 20, PageDown: from - 20, Home: 0, End: count - 1 }[event.key];
      if (count === 0 || (event.key !== "Escape" && to === undefined)) return;
      event.preventDefault();
      const i = event.key === "Escape" ? null : Math.min(Math.max(to, 0), count - 1);
      if (i !== null) return point(figure, i);
      figure.uplot.setCursor({ left: -10, top: -10 });
      show(null);
    });
    plot.addEventListener("blur", () => {
      figure.uplot.setCursor({ left: -10, top: -10 });
      show(null);
    });
  }

  function point(figure, i) {
    const u = figure.uplot;
    u.setCursor({ left: u.valToPos(u.data[0][i], "x"), top: 10 });
    figure.show(i);
  }

  function put(figure, options, data) {
    const plot = figure.querySelector(".plot");
    const width = Math.max(plot.clientWidth, 240);
    const at = figure.at;
    if (figure.uplot) figure.uplot.destroy();
    const u = new window.uPlot({ width, height: HEIGHT, legend: { show: false }, ...options }, data, plot);
    figure.uplot = u;
    // uPlot itself hears the mouse alone.
    u.over.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse") u.setCursor({ left: event.offsetX, top: event.offsetY });
    });
    // Drawn anew while somebody reads.
    if (at !== null && at !== undefined && at < data[0].length) point(figure, at);
  }

  const cursor = (figure) => ({
    cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
    hooks: { setCursor: [(u) => figure.show && figure.show(u.cursor.left < 0 ? null : u.cursor.idx)] },
  });

  // ---- over time ----

  // Where records are missing a null is put in, so that a gap is a gap.
  function gapped(data, names) {
    const times = data.columns.time_s;
    const lists = names.map((name) => data.columns[name]);
    const found = [[], ...names.map(() => [])];
    const rows = [];
    times.forEach((t, i) => {
      if (i > 0 && t - times[i - 1] > data.step_s * 1.5) {
        found[0].push(times[i - 1] + data.step_s);
        lists.forEach((_, k) => found[k + 1].push(null));
        rows.push(null);
      }
      found[0].push(t + data.step_s / 2);
      lists.forEach((list, k) => found[k + 1].push(list[i]));
      rows.push(i);
    });
    return [found, rows];
  }

  function strip(data) {
    return (u) => {
      const columns = data.columns;
      const ratio = window.devicePixelRatio || 1;
      u.ctx.save();
      columns.state.forEach((state, i) => {
        const left = Math.max(u.valToPos(columns.time_s[i], "x", true), u.bbox.left);
        const right = Math.min(u.valToPos(columns.time_s[i] + data.step_s, "x", true) + 0.6, u.bbox.left + u.bbox.width);
        u.ctx.fillStyle = colour(STATES[state] || "--faint");
        if (right > left) u.ctx.fillRect(left, u.bbox.top + u.bbox.height - STRIP * ratio, right - left, STRIP * ratio);
      });
      u.ctx.restore();
    };
  }

  // data: {from_s, until_s, step_s, columns}; what: {title, value, low?, high?, format, least, log?, whole?}
  function overTime(figure, data, what, zone) {
    frame(figure, what.title);
    const names = what.low ? [what.value, what.high, what.low] : [what.value];
    const [rows, index] = gapped(data, names);
    const known = data.columns[what.value].filter((value) => value !== null).sort((a, b) => a - b);
    const all = names.flatMap((name) => data.columns[name]).filter((value) => value !== null);
    const summary = known.length === 0 ? say("nothing known yet")
      : say("lowest {low}, median {middle}, highest {high}", {
        low: what.format(Math.min(...all)), middle: what.format(known[known.length >> 1]), high: what.format(Math.max(...all)),
      });
    const parts = (options) => new Intl.DateTimeFormat("en-GB", { ...options, hourCycle: "h23", timeZone: zone });
    const hour = parts({ hour: "2-digit", minute: "2-digit" });
    const day = parts({ day: "numeric", month: "short" });
    const moment = parts({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });

    function tell(k) {
      const i = index[k];
      if (i === null) return say("{when}: nothing recorded", { when: moment.format(rows[0][k] * 1000) });
      const value = data.columns[what.value][i];
      return moment.format(data.columns.time_s[i] * 1000) + ": " + (value === null ? say("not known") : what.format(value)) + ", " + data.columns.state[i];
    }
    listen(figure, tell, summary, index.length);

    const first = data.columns.time_s[0];
    // A record that is younger than the span fills the width all the same.
    const from = first === undefined ? data.from_s : Math.max(data.from_s, Math.min(first, data.until_s - 30 * data.step_s));
    const line = colour("--link");
    const quiet = { stroke: "transparent", width: 0, points: { show: false } };
    const series = [{}, { stroke: line, width: 1.6, points: { show: known.length < 3, size: 4, fill: line } }];
    if (what.low) series.push(quiet, quiet);
    const decades = known.length === 0 ? [1, 10] : [10 ** Math.floor(Math.log10(Math.max(Math.min(...all), 1))), 10 ** Math.ceil(Math.log10(Math.max(...all, 2)))];
    const options = cursor(figure);
    put(figure, {
      ...options,
      hooks: { ...options.hooks, draw: [strip(data)] },
      tzDate: (t) => window.uPlot.tzDate(new Date(t * 1000), zone),
      scales: {
        x: { range: [from, data.until_s] },
        y: what.log ? { distr: 3, range: decades } : { range: (u, low, high) => aired(low, high, what.least) },
      },
      axes: [
        axis(28, (u, ticks, i, space, step) => ticks.map((t) => (step < 86400 ? hour : day).format(t * 1000))),
        { ...axis(70, (u, ticks, i, space, step) => ticks.map((value) => (value === null ? "" : what.format(value, what.log ? value : step)))), ...(what.whole ? { incrs: [1, 2, 5, 10] } : {}) },
      ],
      series,
      bands: what.low ? [{ series: [2, 3], fill: line + "33" }] : [],
    }, rows);
  }

  // ---- over averaging time ----

  // data: {served, crystal}: lists of {tau_s, deviation, intervals}
  function stability(figure, data) {
    const LEAST = 3;
    frame(figure, say("Allan deviation"));
    const lists = [data.served, data.crystal].map((points) => new Map(points.filter((each) => each.intervals >= LEAST && each.deviation > 0).map((each) => [each.tau_s, each])));
    const taus = [...new Set(lists.flatMap((points) => [...points.keys()]))].sort((a, b) => a - b);
    const columns = lists.map((points) => taus.map((tau) => (points.has(tau) ? points.get(tau).deviation : null)));
    const all = columns.flat().filter((value) => value !== null);
    const names = [say("served clock"), say("bare crystal")];
    const least = columns[1].reduce((best, value, i) => (value !== null && (best < 0 || value < columns[1][best]) ? i : best), -1);
    const summary = taus.length === 0 ? say("comes some seconds after the first lock")
      : least < 0 ? say("the crystal is not known yet")
      : say("the crystal is steadiest over {tau} s: {deviation}", { tau: taus[least], deviation: columns[1][least].toExponential(1) });
    listen(figure, (i) => taus[i] + " s: " + columns.map((column, k) => names[k] + " " + (column[i] === null ? say("not known") : column[i].toExponential(1))).join(", "), summary, taus.length);
    const decades = (values) => (values.length === 0 ? [1, 10] : [10 ** Math.floor(Math.log10(Math.min(...values))), 10 ** Math.ceil(Math.log10(Math.max(...values) * 1.01))]);
    const power = (value) => (value === null ? "" : value >= 1 ? String(value) : "1e" + Math.round(Math.log10(value)));
    put(figure, {
      ...cursor(figure),
      scales: { x: { time: false, distr: 3, range: decades(taus) }, y: { distr: 3, range: decades(all) } },
      axes: [
        axis(28, (u, ticks) => ticks.map((value) => (value === null ? "" : value >= 1000 ? value / 1000 + "000 s" : value + " s"))),
        axis(70, (u, ticks) => ticks.map(power)),
      ],
      series: [
        {},
        { stroke: colour("--good"), width: 2, points: { show: true, size: 6, fill: colour("--good") } },
        { stroke: colour("--link"), width: 2, dash: [7, 4], points: { show: true, size: 6, fill: colour("--link") } },
      ],
    }, [taus, ...columns]);
  }

  window.chart = { overTime, stability };
})();
