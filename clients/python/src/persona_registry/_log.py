"""The logger of this package."""

import logging

log = logging.getLogger("persona_registry")
