// SPDX-License-Identifier: MIT
// Copy buttons; the clipboard of a plain-HTTP page is only reachable by way of a selection.
"use strict";

(function () {
  const say = window.say;
  const said = document.getElementById("copied");

  function select(element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  async function copy(code) {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    }
    select(code);
    return document.execCommand("copy");
  }

  for (const button of document.querySelectorAll("button.copy")) {
    const label = button.firstChild;
    const before = label.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      let done = false;
      try {
        done = await copy(code);
      } catch {
        done = false;
      }
      if (!done) select(code);
      label.textContent = done ? say("Copied") : say("Press Ctrl+C");
      said.textContent = done ? say("Copied.") : say("The lines are selected; press Ctrl+C.");
      setTimeout(() => {
        label.textContent = before;
      }, 2000);
    });
  }
})();
