"""Templates compiled once by a process that runs tests, though each test has an application of its own."""

from types import CodeType

from jinja2.bccache import Bucket, BytecodeCache


class Kept(BytecodeCache):
    """Jinja's own cache of compiled templates, in memory; one that has changed is another."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key, bucket.checksum] = bucket.code
