# SPDX-License-Identifier: MIT
"""Starts gpsd and the processes of the appliance, watches them and starts them anew."""
