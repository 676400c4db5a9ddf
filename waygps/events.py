"""The one set of events that every vendor's alarms are mapped to."""

from __future__ import annotations

from typing import Final

SOS: Final = "sos"
OVERSPEED: Final = "overspeed"
POWER_CUT: Final = "power_cut"
POWER_RESTORED: Final = "power_restored"
LOW_POWER: Final = "low_power"
LOW_BATTERY: Final = "low_battery"
TOW: Final = "tow"
CRASH: Final = "crash"
MOVEMENT: Final = "movement"
IDLE: Final = "idle"
GEOFENCE: Final = "geofence"
GEOFENCE_ENTER: Final = "geofence_enter"
GEOFENCE_EXIT: Final = "geofence_exit"
JAMMING: Final = "jamming"
HARSH_ACCELERATION: Final = "harsh_acceleration"
HARSH_BRAKING: Final = "harsh_braking"
HARSH_CORNERING: Final = "harsh_cornering"
TAMPERING: Final = "tampering"
TEMPERATURE: Final = "temperature"
FAULT: Final = "fault"
GENERAL: Final = "general"
