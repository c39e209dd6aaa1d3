"""What `open` was asked for, in a checked form: the mode of the bytes, and what lies above them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Self, TypeAlias

from pyathena.filesystem.compression import (
    AioS3CompressedFile,
    S3CompressedFile,
    S3OpenCompressedFile,
    compression_name,
    require_async_codec,
)
from pyathena.filesystem.handles import AioS3File, S3File, S3OpenFile
from pyathena.filesystem.text import AioS3TextFile, S3OpenTextFile, S3TextFile, TextFormat

__all__ = ["AnyAioFile", "AnyFile", "AnyOpenFile", "BinaryMode", "Opening", "TextMode"]

BinaryMode: TypeAlias = Literal["rb", "br", "wb", "bw", "xb", "bx", "ab", "ba"]
TextMode: TypeAlias = Literal["r", "rt", "tr", "w", "wt", "tw", "x", "xt", "tx", "a", "at", "ta"]

AnyAioFile: TypeAlias = AioS3File | AioS3CompressedFile | AioS3TextFile
AnyOpenFile: TypeAlias = S3OpenFile | S3OpenCompressedFile | S3OpenTextFile
AnyFile: TypeAlias = S3File | S3CompressedFile | S3TextFile

_ACCESS: Final = {"r": "reading", "w": "writing", "x": "writing where no object is", "a": "appending"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What `open` was asked for.

    Args:
        mode: the mode of the bytes: ``rb``, ``wb``, ``xb`` or ``ab``.
        compression: a name of fsspec's, or None.
        text: how text corresponds to the bytes; None if there is none.
    """

    mode: str
    compression: str | None
    text: TextFormat | None

    @classmethod
    def parse(
        cls,
        path: str,
        mode: str,
        *,
        compression: str | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Self:
        """Check the arguments of `open`.

        Args:
            path: the key, by whose ending a compression is inferred.
            mode: one of ``r w x a``, with ``b`` for bytes or ``t``, which may be left out, for text.
            compression: a name of fsspec's, or ``infer``.
            encoding: of text; UTF-8 if None.
            errors: as for `io.open`.
            newline: as for `io.open`.

        Raises:
            ValueError: there is no such mode or compression; or a binary mode is given an argument of text.
            LookupError: there is no such encoding.
        """
        access, kind = mode.strip("bt"), mode.strip("".join(_ACCESS))
        if access not in _ACCESS or kind not in ("", "b", "t") or len(mode) != len(access + kind):
            known = ", ".join(f"{letter!r} for {use}" for letter, use in _ACCESS.items())
            raise ValueError(f"mode is one of {known}; with 'b' for bytes, or 't' or nothing for text; got {mode!r}")
        binary = kind == "b"
        if binary and (encoding, errors, newline) != (None, None, None):
            raise ValueError(f"encoding, errors and newline are for text, and mode {mode!r} is for bytes")
        return cls(
            mode=f"{access}b",
            compression=compression_name(path, compression),
            text=None if binary else TextFormat(encoding, errors, newline),
        )

    def require_async(self) -> None:
        """Raise a `ValueError` if the asynchronous handle does not have the compression."""
        if self.compression is not None:
            require_async_codec(self.compression)

    def over_handle(self, handle: AioS3File) -> AnyAioFile:
        """Return the asynchronous handle over that of the bytes."""
        unpacked = handle if self.compression is None else AioS3CompressedFile(handle, self.compression)
        return unpacked if self.text is None else AioS3TextFile(unpacked, self.text)

    def over_file(self, file: S3File) -> AnyFile:
        """Return the synchronous file over that of the bytes."""
        unpacked = file if self.compression is None else S3CompressedFile(file, self.compression)
        return unpacked if self.text is None else S3TextFile(unpacked, self.text)

    def over_open_file(self, file: S3OpenFile) -> AnyOpenFile:
        """Return the file for both over that of the bytes."""
        unpacked = file if self.compression is None else S3OpenCompressedFile(file, self.compression)
        return unpacked if self.text is None else S3OpenTextFile(unpacked, self.text)
