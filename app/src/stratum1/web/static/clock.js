// SPDX-License-Identifier: MIT
// The box's time in this browser: asked like an NTP client asks, shown on the second.
"use strict";

(function () {
  const ASK_EVERY_MS = 16000;
  const SAMPLES = 5;
  const TRUST_FOR_MS = 300000;

  // How far a crystal may run away between two rounds of asking; those of phones and tablets are better.
  const DRIFT = 100e-6;

  // Box time minus performance.now(), both in ms, from the quickest of the last round of answers.
  let offset = null;
  let error = 0;
  let heard = 0;
  let last = null;

  async function ask(url) {
    const sent = performance.now();
    const answer = await fetch(url, { cache: "no-store" });
    const back = performance.now();
    const said = await answer.json();
    last = said;
    if (said.utc_ms === null) return null;
    return { offset: said.utc_ms - (sent + back) / 2, error: (back - sent) / 2 + said.bound_ns / 1e6, back };
  }

  async function measure(url) {
    let best = null;
    for (let i = 0; i < SAMPLES; i++) {
      try {
        const sample = await ask(url);
        if (sample === null) {
          offset = null;
          return;
        }
        if (best === null || sample.error < best.error) best = sample;
      } catch {
        break;
      }
    }
    if (best !== null) {
      offset = best.offset;
      error = best.error;
      heard = best.back;
    }
  }

  // Milliseconds of UTC since 1970, or null when it is not known or too long ago to be told.
  function now() {
    if (offset === null || performance.now() - heard > TRUST_FOR_MS) return null;
    return performance.now() + offset;
  }

  // At most so far from true time is what now() says (ms): half the way there and back, the box's own bound, drift since.
  function uncertainty() {
    return error + (performance.now() - heard) * DRIFT;
  }

  function formats(zone, twelve) {
    const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: twelve ? "h12" : "h23" };
    const date = { weekday: "long", day: "numeric", month: "short", year: "numeric" };
    const make = (parts, name) => new Intl.DateTimeFormat("en-GB", { ...parts, timeZone: name });
    try {
      return { time: make(time, zone), date: make(date, zone) };
    } catch {
      return { time: make(time, "UTC"), date: make(date, "UTC") };
    }
  }

  // Calls `show` with the UTC milliseconds of each second as it begins, and with null while time is unknown.
  function run(url, show) {
    function step() {
      const utc = now();
      show(utc === null ? null : Math.floor(utc / 1000) * 1000);
      const wait = utc === null ? 1000 : 1000 - (utc % 1000);
      setTimeout(step, Math.max(wait, 1));
    }
    const again = () => measure(url);
    again().then(step);
    setInterval(again, ASK_EVERY_MS);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) again();
    });
    return { again };
  }

  window.boxClock = { run, formats, now, uncertainty, silence: () => performance.now() - heard, last: () => last };
})();
