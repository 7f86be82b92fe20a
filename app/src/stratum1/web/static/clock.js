// SPDX-License-Identifier: MIT
// The box's time in this browser: asked like an NTP client asks, shown on the second.
"use strict";

(function () {
  const ASK_EVERY_MS = 64000;
  const SAMPLES = 5;
  const TRUST_FOR_MS = 300000;

  // Box time minus performance.now(), both in ms, from the quickest of the last round of answers.
  let offset = null;
  let error = null;
  let heard = 0;

  async function ask(url) {
    const sent = performance.now();
    const answer = await fetch(url, { cache: "no-store" });
    const back = performance.now();
    const said = await answer.json();
    if (said.utc_ms === null) return null;
    return { offset: said.utc_ms - (sent + back) / 2, error: (back - sent) / 2, back };
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

  function formats(zone) {
    const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
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

  window.boxClock = { run, formats, now, error: () => error };
})();
