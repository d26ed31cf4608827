"""A gateway for systems that speak HTTP and JSON: one device, one integrator. docs/gateway.md explains it."""
