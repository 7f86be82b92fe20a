// SPDX-License-Identifier: MIT
// Sends the bundle in pieces, shows how far it is, and then hands the form in, which has it checked and installed.
"use strict";

(function () {
  const say = window.say;
  const form = document.getElementById("update");
  if (!form) return;
  const chosen = document.getElementById("bundle");
  const button = form.querySelector("button");
  const shown = document.getElementById("progress");
  const refused = document.getElementById("refused");
  const token = form.querySelector("[name=csrf_token]").value;
  const size = Number(form.dataset.size);

  function refuse(text) {
    refused.textContent = text;
    refused.hidden = false;
    shown.hidden = true;
    button.disabled = false;
  }

  async function piece(file, offset) {
    const url = `${form.dataset.piece}?offset=${offset}&total=${file.size}`;
    const body = file.slice(offset, offset + size);
    // A Wi-Fi that drops out for a moment does not cost the whole upload.
    for (let left = 5; ; left--) {
      try {
        const answer = await fetch(url, { method: "PUT", body, headers: { "X-CSRFToken": token } });
        const said = await answer.json();
        if (answer.ok) return said.offset;
        throw new Error(said.error.message, { cause: "box" });
      } catch (error) {
        if (error.cause === "box" || left === 0) throw error;
        await new Promise((done) => setTimeout(done, 1000));
      }
    }
  }

  async function upload(file) {
    const bar = shown.querySelector("progress");
    let offset = 0;
    while (offset < file.size) {
      const next = await piece(file, offset);
      if (next <= offset) throw new Error(say("another upload is under way"));
      offset = next;
      bar.value = offset / file.size;
      shown.querySelector("output").textContent = `${Math.floor((100 * offset) / file.size)} %`;
    }
  }

  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const file = chosen.files[0];
    refused.hidden = true;
    if (!file || file.size === 0) return refuse(say("Choose a file that is not empty."));
    if (file.size > Number(form.dataset.largest)) return refuse(say("This file is too large to be an update."));
    button.disabled = true;
    shown.hidden = false;
    try {
      await upload(file);
      form.submit();
    } catch (error) {
      refuse(error.cause === "box" ? say("Refused: {why}.", { why: error.message }) : say("The upload broke off: {why}. Try again.", { why: error.message }));
    }
  });
})();
