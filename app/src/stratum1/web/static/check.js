// SPDX-License-Identifier: MIT
// Has the box ask itself, and says what came of it.
"use strict";

(async function () {
  const line = document.getElementById("check");
  try {
    const answer = await fetch(line.dataset.check, { cache: "no-store" });
    const said = await answer.json();
    line.textContent = window.say("Asked by itself just now, on UDP port {port}: {words}.", { port: said.port, words: said.words });
  } catch {
    line.remove();
  }
})();
