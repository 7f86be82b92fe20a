// SPDX-License-Identifier: MIT
// Counts a trial of network settings down, sees when it is over, and says when this address is no longer the box's.
"use strict";

(function () {
  const trial = document.getElementById("trial");
  if (!trial) return;
  const left = document.getElementById("left");
  const gone = document.getElementById("gone");
  const end = performance.now() + Number(left.dataset.left) * 1000;

  setInterval(() => {
    left.textContent = Math.max(0, Math.round((end - performance.now()) / 1000));
  }, 1000);

  async function look() {
    try {
      const answer = await fetch(trial.dataset.state, {signal: AbortSignal.timeout(3000)});
      if (gone) gone.hidden = true;
      const found = answer.ok && !answer.redirected ? (await answer.json()).trial : null;
      if (!found || found.mark !== trial.dataset.mark) {
        location.href = trial.dataset.home;
        return;
      }
    } catch {
      if (gone) gone.hidden = false;
    }
    setTimeout(look, 2000);
  }

  setTimeout(look, 2000);
  // The page came as the answer to a form: loading it anew must not send that once more.
  if (gone) history.replaceState(null, "", `${trial.dataset.home}/network`);
})();
