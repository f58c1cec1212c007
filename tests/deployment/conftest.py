"""The platform's fixtures: a configuration."""

from tests.platform.conftest import make_config

__all__ = ["make_config"]
