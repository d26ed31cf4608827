"""The structure of picture files, checked before a decoder sees them. It decodes nothing and needs no library.

What a picture costs to decode is known from its structure, so what costs too much is refused unread; and only what
shows the picture is passed on, so that no decoder reads metadata that somebody else wrote.
"""
