// SPDX-License-Identifier: MIT
// The studio clock: hours and minutes, a ring that fills with the seconds, and how sure this screen is.
"use strict";

(function () {
  const studio = document.getElementById("studio");
  const clock = window.boxClock;
  const twelve = studio.dataset.twelve === "true";
  const dots = document.getElementById("dots").children;
  const main = clock.formats(studio.dataset.zone, twelve);
  const others = [...document.querySelectorAll(".there")].map((element) => ({ element, formats: clock.formats(element.dataset.zone, twelve) }));
  const LEVELS = { LOCKED: "good", HOLDOVER: "warning", ACQUIRING: "busy", UNSYNCHRONISED: "alarm" };
  const STALE_MS = 40000;

  function put(id, text) {
    const element = document.getElementById(id);
    if (element.textContent !== text) element.textContent = text;
  }

  function sure(utc) {
    const said = clock.last();
    const silence = clock.silence();
    const state = document.getElementById("state");
    const stale = said === null || silence > STALE_MS;
    const text = said === null ? "NO CONTACT" : stale ? "NO CONTACT for " + Math.round(silence / 1000) + " s" : said.state;
    if (state.textContent !== text) state.textContent = text;
    state.className = stale ? "alarm" : LEVELS[said.state] || "alarm";
    studio.classList.toggle("unsure", stale || utc === null || !said.serves);
    const ms = clock.uncertainty();
    put("error", utc === null ? "Time is not known" : "Within " + (ms < 10 ? ms.toFixed(1) : Math.ceil(ms)) + " ms of true time, the screen's own delay apart");
  }

  clock.run(studio.dataset.time, (utc) => {
    const [time, half] = utc === null ? ["--:--:--", ""] : main.time.format(utc).split(" ");
    const seconds = utc === null ? "--" : time.slice(6, 8);
    put("time", time.slice(0, 5));
    put("seconds", half ? seconds + " " + half : seconds);
    put("date", utc === null ? "" : main.date.format(utc));
    const lit = utc === null ? -1 : Number(seconds);
    for (let i = 0; i < dots.length; i++) dots[i].setAttribute("class", i <= lit ? "lit" : "");
    for (const { element, formats } of others) element.textContent = utc === null ? "--:--:--" : formats.time.format(utc);
    sure(utc);
  });
})();
