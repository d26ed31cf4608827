"""The simulated application's database: orders, each with the number of its last change, and photographs."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any, NamedTuple

Order = dict[str, Any]


class Part(NamedTuple):
    """Some orders, in the sequence in which they appeared or changed."""

    orders: list[Order]
    gone: list[str]
    """Keys of orders that have left the list."""
    last: int
    """The turn of the last one."""
    more: bool


_TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    turn INTEGER PRIMARY KEY AUTOINCREMENT, order_id TEXT UNIQUE, content TEXT, change INTEGER, gone INTEGER
);
CREATE INDEX IF NOT EXISTS by_change ON orders (change);
CREATE TABLE IF NOT EXISTS photographs (name TEXT PRIMARY KEY, version TEXT, data BLOB);
"""


class OrderDatabase:
    """Orders as JSON objects; any thread may call. An order's turn is that of its first appearance."""

    def __init__(self, file: Path | None = None) -> None:
        """Store them in `file`, or in memory."""
        self._lock = threading.Lock()
        self._database = sqlite3.connect(str(file or ":memory:"), check_same_thread=False)
        try:
            self._database.executescript(_TABLES)
        except sqlite3.Error:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    @property
    def changes(self) -> int:
        """The number of the last change."""
        return int(self._one("SELECT coalesce(max(change), 0) FROM orders"))

    @property
    def total(self) -> int:
        """How many orders are on the list."""
        return int(self._one("SELECT count(*) FROM orders WHERE NOT gone"))

    def put(self, order: Order) -> None:
        """Add an order, or change it; one that had left the list is on it again."""
        with self._lock, self._database:
            self._database.execute(
                "INSERT INTO orders (order_id, content, change, gone) "
                "VALUES (?, ?, (SELECT coalesce(max(change), 0) + 1 FROM orders), 0) "
                "ON CONFLICT (order_id) DO UPDATE SET content = excluded.content, change = excluded.change, gone = 0",
                (order["order_id"], json.dumps(order, ensure_ascii=False)),
            )

    def change(self, order_id: str, **fields: Any) -> None:  # noqa: ANN401  # JSON
        """Change some of an order's fields; raises KeyError when there is no such order."""
        self.put(self.get(order_id) | fields)

    def get(self, order_id: str) -> Order:
        """Return an order that is on the list; raises KeyError."""
        with self._lock:
            found = self._database.execute(
                "SELECT content FROM orders WHERE order_id = ? AND NOT gone", (order_id,)
            ).fetchone()
        if found is None:
            raise KeyError(order_id)
        order: Order = json.loads(found[0])
        return order

    def order_ids(self) -> list[str]:
        """Return the keys of the orders on the list, oldest first."""
        with self._lock:
            found = self._database.execute("SELECT order_id FROM orders WHERE NOT gone ORDER BY turn").fetchall()
        return [key for (key,) in found]

    def remove(self, order_id: str) -> None:
        """Take an order out of the list; raises KeyError."""
        self.get(order_id)
        with self._lock, self._database:
            self._database.execute(
                "UPDATE orders SET gone = 1, change = (SELECT max(change) + 1 FROM orders) WHERE order_id = ?",
                (order_id,),
            )

    def page(self, after: int, limit: int) -> Part:
        """Return orders of the whole list, in the sequence in which they appeared."""
        return self._part("turn > ? AND NOT gone", "turn", after, limit)

    def changed(self, after: int, limit: int) -> Part:
        """Return what was changed since the change `after`, in the sequence of the changes."""
        return self._part("change > ?", "change", after, limit)

    def put_photograph(self, name: str, data: bytes) -> str:
        """Store a photograph, and return its version."""
        version = hashlib.sha256(data).hexdigest()[:16]
        with self._lock, self._database:
            self._database.execute("INSERT OR REPLACE INTO photographs VALUES (?, ?, ?)", (name, version, data))
        return version

    def reference(self, order_id: str) -> str:
        """Return the reference number under which an order is listed; empty when it is not."""
        with self._lock:
            query = "SELECT turn FROM orders WHERE order_id = ? AND NOT gone"
            found = self._database.execute(query, (order_id,)).fetchone()
        return f"CO-SIM/{found[0]:06d}" if found else ""

    def photograph(self, name: str) -> tuple[str, bytes] | None:
        """Return a photograph's version and content."""
        with self._lock:
            found = self._database.execute("SELECT version, data FROM photographs WHERE name = ?", (name,)).fetchone()
        return (str(found[0]), bytes(found[1])) if found else None

    def _part(self, which: str, turn: str, after: int, limit: int) -> Part:
        statement = f"SELECT {turn}, order_id, content, gone FROM orders WHERE {which} ORDER BY {turn} LIMIT ?"  # noqa: S608
        with self._lock:
            found = self._database.execute(statement, (after, limit + 1)).fetchall()
        some = found[:limit]
        return Part(
            [json.loads(content) for _, _, content, gone in some if not gone],
            [key for _, key, _, gone in some if gone],
            some[-1][0] if some else after,
            len(found) > limit,
        )

    def _one(self, statement: str) -> Any:  # noqa: ANN401  # SQL
        with self._lock:
            return self._database.execute(statement).fetchone()[0]
