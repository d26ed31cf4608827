"""The demonstration: the whole chain on one machine, with a scene whose truth is known.

It makes people, a watchlist and a video, starts the three programs as a site would, and compares the alerts with the
truth. The pieces (`stack`, `scene`, `watchlist`) also serve tests and benchmarks. It is not part of the wheel.
"""
