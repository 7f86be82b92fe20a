// SPDX-License-Identifier: MIT
// Waits until the box has gone and come back, and then leads on.
"use strict";

(function () {
  const line = document.getElementById("waiting");
  const began = Date.now();
  let gone = false;

  async function look() {
    try {
      await fetch(line.dataset.health, { cache: "no-store", signal: AbortSignal.timeout(3000) });
      // A box that answers at once has not gone yet, or was never told to.
      if (gone || Date.now() - began > 30000) location.href = line.dataset.home;
    } catch {
      gone = true;
    }
  }

  setInterval(look, 2000);
})();
