"""Processes of a test that begin as a fork of one that has loaded everything: a start costs a tenth of its own."""

import multiprocessing
from multiprocessing.context import ForkServerContext

LOADED = ["tests.support.engine", "ospi_supervisor.bootstrap.web", "ospi_supervisor.cli"]


def forked() -> ForkServerContext:
    """What starts them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    return context
