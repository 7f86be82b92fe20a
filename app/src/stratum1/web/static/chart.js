// SPDX-License-Identifier: MIT
// A line over time as SVG: mean, band of extremes, gaps where nothing is known, a strip of states, a reading under the finger.
"use strict";

(function () {
  const NS = "http://www.w3.org/2000/svg";
  const LEFT = 66;
  const RIGHT = 10;
  const TOP = 10;
  const BOTTOM = 34;
  const STRIP = 5;
  // Where on a figure the pointer is.
  const pointers = new WeakMap();

  function make(name, attributes, parent) {
    const element = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (parent) parent.append(element);
    return element;
  }

  // 1, 2 or 5 times a power of ten, so that about `wanted` steps fit.
  function niceStep(range, wanted) {
    const raw = range / wanted;
    const power = 10 ** Math.floor(Math.log10(raw));
    const lead = raw / power;
    return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
  }

  const TIME_STEPS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 345600, 604800];

  function timeTicks(from, until, room) {
    const step = TIME_STEPS.find((each) => (until - from) / each <= room) || 604800;
    const ticks = [];
    for (let t = Math.ceil(from / step) * step; t <= until; t += step) ticks.push(t);
    return { step, ticks };
  }

  // The extent of all lists, with some air, and never a bare line.
  function extent(lists, least) {
    let low = Infinity;
    let high = -Infinity;
    for (const list of lists) {
      for (const value of list) {
        if (value === null) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    if (low > high) return null;
    const air = Math.max((high - low) * 0.08, (least - (high - low)) / 2, 0);
    return [low - air, high + air];
  }

  // Whole decades around all values, for what spans many of them.
  function decades(values) {
    const known = values.filter((value) => value !== null && value > 0);
    if (known.length === 0) return null;
    const low = Math.floor(Math.log10(Math.min(...known)));
    const high = Math.ceil(Math.log10(Math.max(...known)));
    return [10 ** low, 10 ** Math.max(high, low + 1)];
  }

  // Where the lines across are drawn: [value, step for the format].
  function levels(range, what) {
    const found = [];
    if (what.log) {
      for (let value = range[0]; value <= range[1] * 1.001; value *= 10) found.push([value, value]);
      return found;
    }
    const unit = Math.max(niceStep(range[1] - range[0], 4), what.whole ? 1 : 0);
    for (let value = Math.ceil(range[0] / unit) * unit; value <= range[1]; value += unit) {
      found.push([Math.abs(value) < unit / 1e6 ? 0 : value, unit]);
    }
    return found;
  }

  // Runs of consecutive known points, so that a gap is a gap.
  function runs(times, values, step) {
    const found = [];
    let run = null;
    values.forEach((value, i) => {
      if (value === null || (run && times[i] - times[run[run.length - 1]] > step * 1.5)) run = null;
      if (value === null) return;
      if (run === null) found.push((run = []));
      run.push(i);
    });
    return found;
  }

  // data: {from_s, until_s, step_s, columns}; what: {title, value, low?, high?, format, least, log?, whole?}
  function draw(figure, data, what, zone) {
    const columns = data.columns;
    const times = columns.time_s;
    const values = columns[what.value];
    const lists = what.low ? [columns[what.low], columns[what.high]] : [values];
    const range = what.log ? decades(values) : extent(lists, what.least);
    figure.replaceChildren();
    const caption = document.createElement("figcaption");
    const title = document.createElement("span");
    title.className = "chart-title";
    title.textContent = what.title;
    const reading = document.createElement("output");
    caption.append(title, reading);
    figure.append(caption);

    const known = values.filter((value) => value !== null).sort((a, b) => a - b);
    const all = lists.flat().filter((value) => value !== null);
    const summary = known.length === 0 ? "nothing known yet"
      : "lowest " + what.format(Math.min(...all)) + ", median " + what.format(known[known.length >> 1]) +
        ", highest " + what.format(Math.max(...all));
    reading.textContent = summary;

    const width = Math.max(figure.clientWidth, 260);
    const height = 190;
    // A record that is younger than the span fills the width all the same.
    const from = times.length === 0 ? data.from_s : Math.max(data.from_s, Math.min(times[0], data.until_s - 30 * data.step_s));
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": what.title + ": " + summary });
    figure.append(svg);
    const x = (t) => LEFT + ((t - from) / (data.until_s - from)) * (width - LEFT - RIGHT);
    const bottom = height - BOTTOM;

    const parts = (options) => new Intl.DateTimeFormat("en-GB", { ...options, hourCycle: "h23", timeZone: zone });
    const { step, ticks } = timeTicks(from, data.until_s, Math.max(3, Math.floor(width / 110)));
    const label = step < 86400 ? parts({ hour: "2-digit", minute: "2-digit" }) : parts({ day: "numeric", month: "short" });
    for (const t of ticks) {
      make("line", { class: "grid", x1: x(t), x2: x(t), y1: TOP, y2: bottom }, svg);
      const at = x(t);
      if (at > LEFT + 8 && at < width - 16) make("text", { x: at, y: height - 6, "text-anchor": "middle" }, svg).textContent = label.format(t * 1000);
    }
    // The strip of states below the lines.
    columns.state.forEach((state, i) => {
      const left = Math.max(x(times[i]), LEFT);
      const right = Math.min(x(times[i] + data.step_s) + 0.6, width - RIGHT);
      if (right > left) make("rect", { class: "strip " + state, x: left, width: right - left, y: bottom + 4, height: STRIP }, svg);
    });
    if (range === null) {
      make("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, svg).textContent = "nothing known yet";
      return;
    }
    const scale = what.log ? Math.log10 : (value) => value;
    const [low, high] = range.map(scale);
    const y = (value) => bottom - ((scale(value) - low) / (high - low)) * (bottom - TOP);
    for (const [value, unit] of levels(range, what)) {
      make("line", { class: value === 0 ? "grid nought" : "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }, svg);
      make("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, svg).textContent = what.format(value, unit);
    }
    const middle = (i) => Math.min(Math.max(x(times[i] + data.step_s / 2), LEFT), width - RIGHT).toFixed(1);
    for (const run of runs(times, values, data.step_s)) {
      if (what.low) {
        const up = run.map((i) => `${middle(i)},${y(columns[what.high][i]).toFixed(1)}`);
        const down = run.map((i) => `${middle(i)},${y(columns[what.low][i]).toFixed(1)}`).reverse();
        make("polygon", { class: "band", points: up.concat(down).join(" ") }, svg);
      }
      if (run.length === 1) make("circle", { class: "dot", cx: middle(run[0]), cy: y(values[run[0]]), r: 1.6 }, svg);
      else make("polyline", { class: "line", points: run.map((i) => `${middle(i)},${y(values[i]).toFixed(1)}`).join(" ") }, svg);
    }

    const cross = make("line", { class: "cross", y1: TOP, y2: bottom, visibility: "hidden" }, svg);
    const moment = parts({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
    function read(at) {
      const t = from + ((at * width / svg.clientWidth - LEFT) / (width - LEFT - RIGHT)) * (data.until_s - from);
      let best = -1;
      times.forEach((each, i) => {
        if (best < 0 || Math.abs(each + data.step_s / 2 - t) < Math.abs(times[best] + data.step_s / 2 - t)) best = i;
      });
      if (best < 0) return;
      cross.setAttribute("x1", middle(best));
      cross.setAttribute("x2", middle(best));
      cross.setAttribute("visibility", "visible");
      const value = values[best] === null ? "not known" : what.format(values[best]);
      reading.textContent = moment.format(times[best] * 1000) + ": " + value + ", " + columns.state[best];
    }
    svg.addEventListener("pointermove", (event) => {
      pointers.set(figure, event.offsetX);
      read(event.offsetX);
    });
    svg.addEventListener("pointerleave", () => {
      pointers.delete(figure);
      cross.setAttribute("visibility", "hidden");
      reading.textContent = summary;
    });
    // Drawn anew under a finger that rests.
    if (pointers.has(figure)) read(pointers.get(figure));
  }

  window.chart = { draw, niceStep };
})();
