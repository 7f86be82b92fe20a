// SPDX-License-Identifier: MIT
// What scripts say, in the language of the page: it sends translations by their English text, and none in English.
"use strict";

(function () {
  var block = document.getElementById("spoken");
  var known = block === null ? {} : JSON.parse(block.textContent);

  // The text with {name} filled in from `values`.
  window.say = function (text, values) {
    var found = known.hasOwnProperty(text) ? known[text] : text;
    return found.replace(/\{(\w+)\}/g, function (whole, name) {
      return values !== undefined && values.hasOwnProperty(name) ? values[name] : whole;
    });
  };
})();
