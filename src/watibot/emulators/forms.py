"""Form bodies, url-encoded or multipart, read with the standard library.

Called by the WATI emulator, whose calls take their parameters in the query or in either form.
"""

from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import cast
from urllib.parse import parse_qsl

from starlette.requests import Request


@dataclass(frozen=True)
class Upload:
    """A file part: its name, declared content type and bytes."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Form:
    """The fields and files of a body; empty for a body that is no form."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)


async def read_form(request: Request) -> Form:
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("application/x-www-form-urlencoded"):
        body = (await request.body()).decode()
        return Form(dict(parse_qsl(body, keep_blank_values=True)))
    if content_type.startswith("multipart/form-data"):
        return _multipart(content_type, await request.body())
    return Form()


def _multipart(content_type: str, body: bytes) -> Form:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = Form()
    for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
        name = cast(str, part.get_param("name", header="content-disposition"))
        content = cast(bytes, part.get_payload(decode=True))
        file_name = part.get_filename()
        if file_name is None:
            form.fields[name] = content.decode()
        else:
            form.files[name] = Upload(file_name, part.get_content_type(), content)
    return form
