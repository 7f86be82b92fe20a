// SPDX-License-Identifier: MIT
// The studio clock: hours and minutes, a ring that fills with the seconds, and how sure this screen is.
// In the JavaScript of 2009; nothing is made anew while it runs, so it runs for weeks.
"use strict";

(function () {
  var say = window.say;
  var STALE_MS = 40000;
  var LEVELS = { LOCKED: "good", HOLDOVER: "warning", ACQUIRING: "busy", UNSYNCHRONISED: "alarm" };
  var studio = document.getElementById("studio");
  var clock = window.boxClock;
  var twelve = studio.getAttribute("data-twelve") === "true";
  var dots = document.getElementById("dots").getElementsByTagName("circle");
  var others = document.querySelectorAll(".there");
  var shown = {};

  // Only what changed is written.
  function put(id, text) {
    if (shown[id] === text) return;
    shown[id] = text;
    document.getElementById(id).textContent = text;
  }

  function paint(id, name) {
    if (shown["class " + id] === name) return;
    shown["class " + id] = name;
    document.getElementById(id).className = name;
  }

  function sure(utc) {
    var said = clock.last();
    var silence = clock.silence();
    var stale = said === null || silence > STALE_MS;
    var ms = clock.uncertainty();
    put("state", said === null ? say("NO CONTACT") : stale ? say("NO CONTACT for {seconds} s", { seconds: Math.round(silence / 1000) }) : said.state);
    paint("state", stale ? "alarm" : LEVELS[said.state] || "alarm");
    paint("studio", stale || utc === null || !said.serves ? "unsure" : "");
    put("error", utc === null ? say("Time is not known") : say("Within {ms} ms of true time, the screen's own delay apart", { ms: ms < 10 ? ms.toFixed(1) : Math.ceil(ms) }));
  }

  function ring(second) {
    var name;
    for (var i = 0; i < dots.length; i++) {
      name = i <= second ? "lit" : "";
      if (dots[i].getAttribute("class") !== name) dots[i].setAttribute("class", name);
    }
  }

  clock.run(studio.getAttribute("data-time"), function (utc) {
    var here = clock.local(0, utc, twelve);
    var line = clock.message(utc);
    put("time", here === null ? "--:--" : here.hour + ":" + here.minute);
    put("seconds", here === null ? "--" : here.half ? here.second + " " + here.half : here.second);
    put("date", here === null ? "" : here.date);
    ring(here === null ? -1 : Number(here.second));
    for (var i = 0; i < others.length; i++) {
      var there = clock.local(i + 1, utc, twelve);
      others[i].textContent = there === null ? "--:--:--" : there.hour + ":" + there.minute + ":" + there.second + (there.half ? " " + there.half : "");
    }
    put("onair", line);
    paint("onair", line === "" ? "none" : "");
    sure(utc);
  });
})();
