"""A process of its own that holds the embedded parts: tests start it, talk to it by lines, and kill it.

    python launcher.py DATA_DIR embedded|attached [KEYWORD=VALUE ...]

Prints one JSON line when ready, then ends at the end of its input.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path

from app.embedded.exceptions import EmbeddedError
from app.embedded.parts import attached_parts, embedded_parts


def main() -> None:
    """Start the parts, say so, wait."""
    data_dir, kind = Path(sys.argv[1]), sys.argv[2]
    options = dict(word.split("=", 1) for word in sys.argv[3:])
    settings = {name: ast.literal_eval(value) for name, value in options.items()}
    start = embedded_parts if kind == "embedded" else attached_parts
    try:
        with start(data_dir, dict(os.environ), **settings) as parts:
            parts.apply(os.environ)
            said = {
                "pid": os.getpid(),
                "environment": parts.environment,
                "embedded_database": parts.embedded_database,
                "embedded_store": parts.embedded_store,
                "attached": parts.attached,
            }
            sys.stdout.write(json.dumps(said) + "\n")
            sys.stdout.flush()
            sys.stdin.read()
    except EmbeddedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
