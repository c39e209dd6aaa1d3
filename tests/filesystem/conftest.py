"""Fixtures for tests of the filesystem."""

from tests.filesystem.faces import face, make_face

__all__ = ["face", "make_face"]
