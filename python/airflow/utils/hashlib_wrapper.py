"""hashlib for what is not security."""

from __future__ import annotations

import functools
import hashlib

md5 = functools.partial(hashlib.md5, usedforsecurity=False)
