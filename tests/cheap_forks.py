"""`-p tests.cheap_forks`: a process that runs tests starts others at a tenth of the price.

It holds some 300 MB once it has collected every test, and tests start thousands of programs. Where one is started as
another account, or asks to die with who started it, Python forks: the kernel copies what says where each page of 4 kB
lies, and again each page that is written to afterwards. Pages of 2 MB are 500 times fewer. Only malloc asks for them
(glibc 2.35, Linux with `transparent_hugepage` at madvise or always), and only from the very start of a process.
"""

import os

import pytest

LARGE_PAGES = {"PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Prepare what the workers of pytest-xdist find when they start; what they start themselves is as usual."""
    if hasattr(config, "workerinput"):
        for name in LARGE_PAGES:
            os.environ.pop(name, None)
    elif config.option.numprocesses:
        os.environ.update(LARGE_PAGES)
