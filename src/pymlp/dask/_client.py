"""The cluster of a fit: its client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from distributed import Client, get_client, get_worker, worker_client


@contextmanager
def client_of_fit(client: Client | None) -> Iterator[Client]:
    """Find the client: the one that is given, that of the task that this is in, or the current one.

    Raises
    ------
    ValueError
        If there is none, or it is an asynchronous one.
    """
    if client is None and _in_task():
        with worker_client() as found:  # whose place another task may take meanwhile
            yield found
        return
    if client is None:
        try:
            client = get_client()
        except ValueError:
            raise ValueError(
                "A fit on Dask needs a client of a cluster, and there is none: "
                "distributed.Client() starts one of this machine's processes; or pass client=..."
            ) from None
    if not isinstance(client, Client):
        raise ValueError(
            f"The 'client' parameter must be a distributed.Client or None. Got {client!r} instead."
        )
    if client.asynchronous:
        raise ValueError(
            "The 'client' parameter must not be an asynchronous client, which a fit that returns "
            "an estimator cannot wait for: make one by Client(..., asynchronous=False), and call "
            "fit in a thread (asyncio.to_thread)."
        )
    yield client


def _in_task() -> bool:
    try:
        get_worker()
    except ValueError:
        return False
    return True
