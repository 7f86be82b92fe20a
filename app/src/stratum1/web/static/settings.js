// SPDX-License-Identifier: MIT
// Fields that say nothing as the others stand are put away; one with an error never is. Without script all are shown.
"use strict";

(function () {
  const say = window.say;
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

  // A test leaves the page as it is: what was typed and not stored yet is not lost.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-test]");
    if (!button) return;
    event.preventDefault();
    const said = document.getElementById(button.dataset.test);
    const body = new URLSearchParams({csrf_token: document.getElementById("csrf_token").value});
    button.disabled = true;
    said.className = "";
    said.textContent = say("Sending ...");
    try {
      const answer = await fetch(button.formAction, {method: "POST", body, headers: {Accept: "application/json"}});
      if (answer.redirected) throw new Error(say("you are logged out"));
      const verdict = await answer.json();
      said.textContent = verdict.said;
      said.className = verdict.well ? "fine" : "error";
    } catch (error) {
      said.textContent = say("The box cannot be asked: {why}.", {why: error.message});
      said.className = "error";
    }
    button.disabled = false;
  });
})();
