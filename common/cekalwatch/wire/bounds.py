"""Bounds of the contract that both ends check: the sender before sending, the server at its boundary.

The comments in `protos/cekalwatch/v1/*.proto` state the same figures for readers of the contract.
"""

MAX_MESSAGE_BYTES = 256 * 1024
MAX_CROP_BYTES = 200 * 1000
MAX_CROP_PIXELS = 1_000_000
MAX_PHOTO_BYTES = 20 * 1000 * 1000
MAX_LIST_FILE_BYTES = 256 * 1000 * 1000
MAX_LIST_FILE_NAME = 200
"""Characters."""
PHOTO_CHUNK_BYTES = 128 * 1000
MAX_CHUNKS = 10_000
"""Of a list file, and of all photographs of a record: those of full size are 2000 at most."""
MAX_PHOTOS_PER_RECORD = 10
MAX_WORD = 64
"""Characters of a key, of a track's id, and of a client's version and detector."""
MAX_PAGE = 100
"""Entries of a page of a list."""
CHEAP_PAGE = 20
"""Entries of a page that costs a device no more than the call itself."""
MAX_REASON = 200
"""Characters of the reason in a receipt or goodbye."""
MAX_AIMING_BYTES = 60 * 1000
MAX_AIMING_SIDES = (640, 360)
"""Pixels of a picture for aiming: its longer and its shorter side."""
MAX_FRAME_SIDE = 16_384
"""Pixels of a camera's own frame, either way."""
MAX_AIMING_FACES = 1000
MAX_AIMING_AGE_S = 60.0
