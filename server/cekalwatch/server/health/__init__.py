"""Health of this server: probes of its parts, the resulting state, and the alarms, metrics and checks from it.

From the bottom to the top: `probes`, `state`, `alarms`, `monitoring`, `checks`; each knows those before it only.
"""
