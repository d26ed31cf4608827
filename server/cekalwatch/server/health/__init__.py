"""Health of this server: what its parts report, the state that follows, and the alarms, metrics and checks made of it.

From the bottom to the top: `probes`, `state`, `alarms`, `monitoring`, `checks`; each knows those before it only.
"""
