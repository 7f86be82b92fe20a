# SPDX-License-Identifier: MIT
"""Tells people and programs elsewhere what is wrong with the box: syslog, e-mail, webhook, MQTT."""
