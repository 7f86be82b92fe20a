// SPDX-License-Identifier: MIT
// Keeps the status page true: one event a second, or asking once a second when no stream is to be had.
"use strict";

(function () {
  const say = window.say;
  const hero = document.getElementById("hero");
  const clock = document.getElementById("clock");
  const facts = document.getElementById("facts");
  const lost = document.getElementById("lost");
  const IN_HEAD = new Set(["State", "Because", "To do", "Progress", "Time", "UTC"]);
  const SILENCE_MS = 4000;
  const boxName = document.title.split(" · ").pop();

  function put(id, text) {
    const element = document.getElementById(id);
    // Only what changed is written, so that a screen reader hears a change once.
    if (element.textContent !== text) element.textContent = text;
  }

  function list(texts, labels) {
    const rows = Object.entries(texts).filter(([label]) => !IN_HEAD.has(label));
    const shown = [...facts.children];
    rows.forEach(([label, text], i) => {
      let row = shown[i];
      if (row === undefined) {
        row = document.createElement("div");
        row.append(document.createElement("dt"), document.createElement("dd"));
        facts.append(row);
      }
      if (row.firstElementChild.textContent !== labels[label]) row.firstElementChild.textContent = labels[label];
      if (row.lastElementChild.textContent !== text) row.lastElementChild.textContent = text;
    });
    shown.slice(rows.length).forEach((row) => row.remove());
  }

  let heard = performance.now();
  let known = clock.textContent.indexOf("-") < 0;
  let ticking = null;

  function show(said) {
    heard = performance.now();
    lost.hidden = true;
    hero.className = "hero " + said.level;
    put("state", said.state);
    const state = said.texts.State || "";
    put("since", state.startsWith(said.state + " ") ? state.slice(said.state.length + 1) : "");
    put("headline", said.headline);
    put("progress", said.progress);
    put("advice", said.level === "good" ? "" : said.advice);
    put("bound", said.time_known ? say("{bound} from true time", { bound: said.texts["Error bound"] }) : "");
    list(said.texts, said.labels);
    document.title = said.state + " · " + boxName;
    if (said.time_known !== known) {
      known = said.time_known;
      ticking.again();
    }
  }

  // ---- the clock ----
  ticking = window.boxClock.run(clock.dataset.time, (utc) => {
    const silent = performance.now() - heard;
    if (silent > SILENCE_MS) {
      lost.hidden = false;
      hero.classList.add("stale");
      put("lost", say("No contact with the box for {seconds} s. What you see is old.", { seconds: Math.round(silent / 1000) }));
    }
    const here = known ? window.boxClock.local(0, utc, false) : null;
    put("clock", here === null ? "--:--:--" : here.hour + ":" + here.minute + ":" + here.second);
    put("date", here === null ? say("Time not known") : here.date);
  });

  // ---- where the news comes from ----
  let asking = null;
  let source = null;

  async function ask() {
    try {
      const answer = await fetch(hero.dataset.status, { cache: "no-store" });
      if (answer.ok) show(await answer.json());
    } catch {
      // The clock's own step says that contact is lost.
    }
  }

  function poll(on) {
    if (on && asking === null) asking = setInterval(ask, 1000);
    if (!on && asking !== null) {
      clearInterval(asking);
      asking = null;
    }
  }

  function stream() {
    if (!window.EventSource) {
      poll(true);
      return;
    }
    source = new EventSource(hero.dataset.live);
    source.onmessage = (event) => {
      poll(false);
      show(JSON.parse(event.data));
    };
    source.onerror = () => {
      // CLOSED: refused for good, as when all streams are taken; else the browser comes back by itself.
      if (source.readyState !== EventSource.CLOSED) return;
      poll(true);
      setTimeout(() => {
        if (!document.hidden && source.readyState === EventSource.CLOSED) stream();
      }, 60000);
    };
  }

  // A page that nobody looks at gives its stream back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      if (source !== null) source.close();
      poll(false);
    } else {
      heard = performance.now();
      stream();
    }
  });

  stream();
})();
