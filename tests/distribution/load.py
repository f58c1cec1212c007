"""`python -m tests.distribution.load HOST VERSION RATE`: asks so many times a second, until its standard input
is closed; prints how often, and what was not that version's answer."""

import http.client
import json
import sys
import threading
import time

SECONDS_OF_PATIENCE = 60


def ask(host: str) -> str:
    """What one user sees: the version, or what came instead."""
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=SECONDS_OF_PATIENCE)
    try:
        connection.request("GET", "/", headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read()
        return str(json.loads(body)["version"]) if answer.status == 200 else f"{answer.status} {body[:80]!r}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()


def main() -> None:
    """A few askers, each at its share of the rate; none waits for another."""
    host, version, rate, askers = sys.argv[1], sys.argv[2], float(sys.argv[3]), 10
    over, seen, wrong = threading.Event(), [0], list[str]()
    began = time.monotonic()

    def keep_asking(number: int) -> None:
        due = began + number / rate
        while not over.wait(max(0.0, due - time.monotonic())):
            if (said := ask(host)) != version:
                wrong.append(said)
            seen[0] += 1
            due += askers / rate

    threads = [threading.Thread(target=keep_asking, args=(number,)) for number in range(askers)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"asked": seen[0], "seconds": time.monotonic() - began, "wrong": wrong[:20]}))  # noqa: T201


main()
