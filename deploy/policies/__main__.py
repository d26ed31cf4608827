"""Writes the templates of the policies: cekalwatch.admx, and its texts in English and Indonesian. `make policies`.

python -m deploy.policies
"""

from __future__ import annotations

from pathlib import Path

from deploy.policies.templates import documents

FOLDER = Path(__file__).parent


def main() -> None:
    """Write the files beside this one."""
    for name, content in documents().items():
        file = FOLDER / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
