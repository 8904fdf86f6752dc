"""Small office files for tests, written by hand."""

import io
import zipfile


def office(members: dict[str, str | bytes]) -> bytes:
    """A zip of these members, after the list of types that comes first in such files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"[Content_Types].xml": "<Types/>", **members}.items():
            archive.writestr(name, content)
    return packed.getvalue()


def word(*paragraphs: str) -> bytes:
    """A Word file; each paragraph is runs with `|` between them."""
    body = "".join(
        "<w:p>" + "".join(f"<w:r><w:t>{run}</w:t></w:r>" for run in paragraph.split("|")) + "</w:p>"
        for paragraph in paragraphs
    )
    return office({"word/document.xml": f'<w:document xmlns:w="w"><w:body>{body}</w:body></w:document>'})
