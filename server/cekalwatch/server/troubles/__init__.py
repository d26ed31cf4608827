"""Notices what is wrong with cameras, sources and the gallery, keeps it, and tells who watches."""
