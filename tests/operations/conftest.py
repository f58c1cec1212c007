"""A server of a hospital and the vendor's, as the worker's tests have it; and a site's uploads."""

import pytest

from ospi_supervisor.operations.uploads import Uploads
from tests.support.site import Site
from tests.worker.conftest import house

__all__ = ["house", "uploads"]


@pytest.fixture
def uploads(site: Site) -> Uploads:
    return site.operations.uploads
