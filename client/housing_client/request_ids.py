"""The request id of a call: one for all of its attempts, so that the service recognizes a retry.

By it the service logs and records the call, and draws whether a canary answers: a retry gets the same version.
"""

from uuid import uuid4

from housing_client.credentials import Metadata

REQUEST_ID = "x-request-id"


def with_request_id(metadata: Metadata) -> Metadata:
    """Return the metadata of a call: that of every call, and a new request id."""
    return (*metadata, (REQUEST_ID, str(uuid4())))
