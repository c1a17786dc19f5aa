"""What each client and each house would make for itself, and every test may share.

No test speaks TLS; yet each HTTP client reads the machine's certificates, and each emulated Google
makes a key, which takes longer than most tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from unittest.mock import patch

import httpcore2
from cryptography.hazmat.primitives.asymmetric import rsa


@contextmanager
def made_once() -> Iterator[None]:
    """Until its end, in this process and those forked from it."""
    with ExitStack() as stack:
        for module, name in ((httpcore2, "default_ssl_context"), (rsa, "generate_private_key")):
            stack.enter_context(patch.object(module, name, cache(getattr(module, name))))
        yield
