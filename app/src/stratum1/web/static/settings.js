// SPDX-License-Identifier: MIT
// Fields that say nothing as the others stand are put away; one with an error never is. Without script all are shown.
"use strict";

(function () {
  const dependent = [...document.querySelectorAll("[data-needs]")].map((row) => {
    const [name, value] = row.dataset.needs.split("=");
    return {row, value, master: document.getElementById(name)};
  });

  function show() {
    for (const {row, value, master} of dependent) {
      row.hidden = master.value !== value && !row.classList.contains("wrong");
    }
  }

  document.addEventListener("change", show);
  show();
})();
