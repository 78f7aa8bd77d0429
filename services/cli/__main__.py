"""`python -m services.cli`, and `synres`."""

from __future__ import annotations

from services.cli.interrupt import ends_when_interrupted


def main() -> None:
    """Entry point. Everything else is imported with Ctrl-C in hand."""
    with ends_when_interrupted():
        from services.cli.main import main as run

        run()


if __name__ == "__main__":
    main()
