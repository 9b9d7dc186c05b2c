"""The service of the integration suite."""

from tests.integration.conftest import base_settings, capabilities, service, start_service

__all__ = ["base_settings", "capabilities", "service", "start_service"]
