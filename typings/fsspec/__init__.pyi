from fsspec.spec import AbstractFileSystem as AbstractFileSystem
