# SPDX-License-Identifier: MIT
"""A bounded record of how the clock did: an hour, a day and a month of it, and the changes of state.

A record carries its start and a checksum; a slot that is empty, torn or of an older round is passed over.
The hour lies in the run folder; day and month lie on the data partition (80 kB in all) and are written three
times an hour, for the SD card's sake; so does what the Allan deviation goes on from.  Nothing here reads a clock.
"""

from stratum1.history.allan import Point
from stratum1.history.book import SPANS, History
from stratum1.history.events import Event
from stratum1.history.record import Record, Sample
from stratum1.history.ring import Span

__all__ = ["SPANS", "Event", "History", "Point", "Record", "Sample", "Span"]
