# SPDX-License-Identifier: MIT
"""How the appliance's network is set up: what the settings mean, done idempotently, and taken back unless confirmed."""
