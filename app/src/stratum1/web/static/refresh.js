// SPDX-License-Identifier: MIT
// Fetches the page anew every few seconds and puts in the part that changes, as the server made it.
"use strict";

(function () {
  const every = Number(document.getElementById("fresh").dataset.every) * 1000;

  async function load() {
    const old = document.getElementById("fresh");
    // What somebody is reading or has opened is not pulled from under the eyes.
    const focused = old.contains(document.activeElement);
    if (document.hidden || focused) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("fresh");
      const were = old.querySelectorAll("details");
      fresh.querySelectorAll("details").forEach((each, i) => {
        if (were[i]) each.open = were[i].open;
      });
      old.replaceWith(document.adoptNode(fresh));
    } catch {
      // The next round asks again.
    }
  }

  setInterval(load, every);
})();
