"""What the rules say and the product does not do yet: days do not have it. The table shrinks to nothing."""

from __future__ import annotations

NOT_YET = {
    "law": "points 1 to 4: terms, extensions and urgent orders as the law stands",
}
