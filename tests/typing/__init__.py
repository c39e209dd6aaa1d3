"""What type checkers see of the public surface. They read these files, nothing executes them.

A line that must be refused says by which error: ``# type: ignore[code]`` has mypy's code, and the comment behind it
begins with pyright's rules. `tests.test_downstream` compares them with what both report.
"""
