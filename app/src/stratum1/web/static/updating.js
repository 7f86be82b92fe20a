// SPDX-License-Identifier: MIT
// Follows an update from its first byte to the restart and back.
"use strict";

(function () {
  const say = window.say;
  const line = document.getElementById("step");
  const bar = document.getElementById("bar");
  const words = {
    checking: say("Checking the signature …"),
    writing: say("Writing the other slot …"),
    "reading back": say("Reading back what was written …"),
    restarting: say("Restarting into the new version …"),
  };
  let restarting = false;

  async function look() {
    try {
      const answer = await fetch(line.dataset.progress, { cache: "no-store", signal: AbortSignal.timeout(3000) });
      const said = answer.ok ? await answer.json() : null;
      if (said && said.step === "failed") {
        location.href = line.dataset.home;
      } else if (said) {
        restarting = said.step === "restarting";
        line.textContent = words[said.step] || said.step;
        if (said.total) bar.value = said.done / said.total;
      } else if (restarting) {
        // It has come back, and knows nothing of an update: that was before its start.
        location.href = line.dataset.home;
      }
    } catch {
      restarting = true;
      line.textContent = say("The box restarts; this page goes on by itself.");
      bar.removeAttribute("value");
    }
  }

  setInterval(look, 1000);
  look();
})();
