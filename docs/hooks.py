"""What mkdocs calls: takes the benchmarks' pictures into the site, beside the page that shows them."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pictures of benchmarks/ to the files of docs/."""
    for picture in sorted(Path(config.docs_dir).parent.glob("benchmarks/*.svg")):
        files.append(File.generated(config, picture.name, abs_src_path=str(picture)))
    return files
