"""Uploads go to disk, and one that is too large is stopped before it fills the disk.

It must not know what is uploaded.
"""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, StopUpload


class LimitUpload(FileUploadHandler):
    """Ends the reading of a body that says it is larger than UPLOAD_LIMIT.

    The fields before the file (the CSRF token among them) are still read, so the view answers in
    words; it sees no file and asks `too_large`.
    """

    stopped = False

    def handle_raw_input(self, _body: Any, _meta: Any, content_length: int, *_: Any) -> None:
        self.stopped = content_length > settings.UPLOAD_LIMIT

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        if self.stopped:
            raise StopUpload(connection_reset=False)
        super().new_file(*args, **kwargs)

    def receive_data_chunk(self, raw_data: bytes, _start: int) -> bytes:
        return raw_data

    def file_complete(self, _file_size: int) -> None:
        """The next handler has the file."""


def too_large(meta: dict[str, Any]) -> bool:
    """Whether this request's body was cut off for its size."""
    return int(meta.get("CONTENT_LENGTH") or 0) > int(settings.UPLOAD_LIMIT)
