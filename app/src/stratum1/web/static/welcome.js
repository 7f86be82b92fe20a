// SPDX-License-Identifier: MIT
// Offers the zone of the phone that is used to set the box up.
"use strict";

(function () {
  const zone = document.getElementById("zone");
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone.value === "UTC" && here) zone.value = here;
})();
