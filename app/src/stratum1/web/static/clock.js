// SPDX-License-Identifier: MIT
// The box's time in this browser: asked like an NTP client asks, shown on the second.
// In the JavaScript of 2009, so that an old tablet on a wall can do it; zones come from the box, whose tables are new.
"use strict";

(function () {
  var say = window.say;
  var ASK_EVERY_MS = 16000;
  var SAMPLES = 5;
  var TRUST_FOR_MS = 300000;
  var ANSWER_WITHIN_MS = 4000;
  var SLEPT_MS = 500;

  // How far a crystal may run away between two rounds of asking; those of phones and tablets are better.
  var DRIFT = 100e-6;

  var DAYS = [say("Sunday"), say("Monday"), say("Tuesday"), say("Wednesday"), say("Thursday"), say("Friday"), say("Saturday")];
  var MONTHS = [say("Jan"), say("Feb"), say("Mar"), say("Apr"), say("May"), say("Jun"), say("Jul"), say("Aug"), say("Sep"), say("Oct"), say("Nov"), say("Dec")];

  // Box time minus steady(), both in ms, from the quickest of the last round of answers.
  var offset = null;
  var error = 0;
  var heard = 0;
  var last = null;
  var asking = false;
  // The browser's own clock minus steady(): when that changes, one of them was set or slept.
  var apart = 0;

  function steady() {
    return window.performance && window.performance.now ? window.performance.now() : Date.now();
  }

  function ask(url, done) {
    var request = new XMLHttpRequest();
    var sent;
    var back = null;
    request.onreadystatechange = function () {
      if (request.readyState >= 2 && back === null) back = steady();
      if (request.readyState !== 4) return;
      request.onreadystatechange = null;
      var said = null;
      try {
        said = request.status === 200 ? JSON.parse(request.responseText) : null;
      } catch (problem) {
        said = null;
      }
      done(said, sent, back);
    };
    request.open("GET", url, true);
    request.timeout = ANSWER_WITHIN_MS;
    sent = steady();
    request.send();
  }

  // A round of questions, one after the other; the quickest answer is taken, as its error is the smallest.
  function measure(url, done) {
    var best = null;
    if (asking) return;
    asking = true;

    function finish(known) {
      asking = false;
      if (!known) offset = null;
      else if (best !== null) {
        offset = best.offset;
        error = best.error;
        heard = best.back;
        apart = Date.now() - steady();
      }
      if (done) done();
    }

    function next(left) {
      ask(url, function (said, sent, back) {
        if (said === null) return finish(true);
        last = said;
        if (said.utc_ms === null) return finish(false);
        var sample = { offset: said.utc_ms - (sent + back) / 2, error: (back - sent) / 2 + said.bound_ns / 1e6, back: back };
        if (best === null || sample.error < best.error) best = sample;
        if (left > 1) next(left - 1);
        else finish(true);
      });
    }
    next(SAMPLES);
  }

  // Milliseconds of UTC since 1970, or null when it is not known or too long ago to be told.
  function now() {
    if (offset === null || steady() - heard > TRUST_FOR_MS) return null;
    return steady() + offset;
  }

  // At most so far from true time is what now() says (ms): half the way there and back, the box's own bound, drift since.
  function uncertainty() {
    return error + (steady() - heard) * DRIFT;
  }

  function two(number) {
    return (number < 10 ? "0" : "") + number;
  }

  // Time and date of the zone that was asked for as number `i`, at `utc` (ms); null while that is not known.
  function local(i, utc, twelve) {
    var zone = last !== null && last.zones ? last.zones[i] : undefined;
    if (utc === null || zone === undefined) return null;
    var past = zone.next_utc_s !== null && utc >= zone.next_utc_s * 1000;
    var date = new Date(utc + (past ? zone.next_s : zone.offset_s) * 1000);
    var hour = date.getUTCHours();
    return {
      hour: two(twelve ? hour % 12 || 12 : hour),
      minute: two(date.getUTCMinutes()),
      second: two(date.getUTCSeconds()),
      half: twelve ? (hour < 12 ? "am" : "pm") : "",
      date: DAYS[date.getUTCDay()] + ", " + date.getUTCDate() + " " + MONTHS[date.getUTCMonth()] + " " + date.getUTCFullYear(),
    };
  }

  // 04:05:06 or 3 d 04:05:06 until `at` (ms), as the panel writes it.
  function left(utc, at) {
    var seconds = Math.max(Math.floor((at - utc) / 1000), 0);
    var days = Math.floor(seconds / 86400);
    var clock = two(Math.floor(seconds / 3600) % 24) + ":" + two(Math.floor(seconds / 60) % 60) + ":" + two(seconds % 60);
    return days ? days + " d " + clock : clock;
  }

  // The line that somebody has set, the instants in it turned into the time left.
  function message(utc) {
    var text = last === null ? "" : last.message || "";
    return text.replace(/\{([^}]*)\}/g, function (whole, instant) {
      var at = Date.parse(instant);
      return utc === null || isNaN(at) ? "--:--:--" : left(utc, at);
    });
  }

  // Calls `show` with the UTC milliseconds of each second as it begins, and with null while time is unknown.
  function run(url, show) {
    function again() {
      measure(url, null);
    }
    function step() {
      if (offset !== null && Math.abs(Date.now() - steady() - apart) > SLEPT_MS) {
        offset = null;
        again();
      }
      var utc = now();
      show(utc === null ? null : Math.floor(utc / 1000) * 1000);
      setTimeout(step, Math.max(utc === null ? 250 : 1000 - (utc % 1000), 1));
    }
    measure(url, step);
    setInterval(again, ASK_EVERY_MS);
    document.addEventListener("visibilitychange", function () {
      if (!document.hidden) again();
    });
    return { again: again };
  }

  window.boxClock = {
    run: run,
    local: local,
    now: now,
    message: message,
    uncertainty: uncertainty,
    silence: function () { return steady() - heard; },
    last: function () { return last; },
  };
})();
