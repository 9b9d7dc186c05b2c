"""What a file is, told from its bytes, and whether it may be stored: pure functions, no I/O."""

from __future__ import annotations

from app.modules.files.content.detect import HEAD_BYTES, TAIL_BYTES, Detected, detect, needs_tail
from app.modules.files.content.middle import Middle
from app.modules.files.content.policy import ContentPolicy
from app.modules.files.content.serving import INLINE_TYPES, is_inline_safe, presigned_type
from app.modules.files.content.table import canonical, media_types_of

__all__ = [
    "HEAD_BYTES",
    "INLINE_TYPES",
    "TAIL_BYTES",
    "ContentPolicy",
    "Detected",
    "Middle",
    "canonical",
    "detect",
    "is_inline_safe",
    "media_types_of",
    "needs_tail",
    "presigned_type",
]
