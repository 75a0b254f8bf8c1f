"""A group of commands that says in one line why a command failed, whatever the reason.

Only what is a mistake of this project ends in a traceback.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

import click

from gradsheet.commands.lazy import LazyCommands
from gradsheet.errors import GradsheetError
from gradsheet.files import WouldOverwriteError, reason_of
from gradsheet.installation import install_command
from gradsheet.printable import printable
from gradsheet.signals import INTERRUPTED, Terminated, signal_again
from gradsheet.streams import OutputError, guarded_streams

_PACKAGE = "gradsheet.commands"
_OWN_PACKAGES = {"cli", "gradsheet", "backprop_sheet", "keras_model"}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WRITTEN = {"PIL": "Pillow", "tensorflow": "TensorFlow", "xlsxwriter": "XlsxWriter"}


class Section(NamedTuple):
    """Commands that the help lists under a title.

    ``extras`` are those that install what a command needs beyond what all commands do.
    """

    title: str
    commands: tuple[str, ...]
    extras: Mapping[str, str] = MappingProxyType({})


class FilePath(click.Path):
    """A path that the system accepts: not too long, and in a folder that can be entered."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the path; refuse one that cannot be used whether or not it exists."""
        try:
            Path(value).stat()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError) as error:
            self.fail(f"{value}: {reason_of(error)}", param, ctx)
        return super().convert(value, param, ctx)


class Commands(click.Group):
    """A group that tells usage errors, and jobs that failed, in one line.

    Its commands are imported when they are needed, and listed in sections.
    """

    def __init__(self, name: str | None = None, *, sections: Sequence[Section], **kwargs: Any):
        """Create the group with its commands, in the order of the help."""
        self._sections = sections
        names = [name for section in sections for name in section.commands]
        super().__init__(name, commands=LazyCommands(_PACKAGE, names), **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the sections."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections of the help."""
        width = max(map(len, self.commands))
        limit = formatter.width - 6 - width
        for section in self._sections:
            rows = [
                (f"{name:<{width}}", self.commands[name].get_short_help_str(limit))
                for name in section.commands
            ]
            with formatter.section(section.title):
                formatter.write_dl(rows)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        if sys.unraisablehook is sys.__unraisablehook__:
            sys.unraisablehook = _show_unraisable
        with guarded_streams():
            try:
                code = self._exit_code(args, prog_name, complete_var, **extra)
                sys.stdout.flush()
            except OutputError as error:
                click.echo(f"Error: {error}", err=True)
                code = error.exit_code
            except BrokenPipeError:
                code = 1
            except Terminated as end:
                click.echo("Stopped.", err=True)
                code = end.code
            except KeyboardInterrupt:
                code = INTERRUPTED
        sys.exit(code)

    def _exit_code(
        self,
        args: Sequence[str] | None,
        prog_name: str | None,
        complete_var: str | None,
        **extra: Any,
    ) -> Any:
        try:
            result = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except click.Abort:
            click.echo("Stopped.", err=True)
            return INTERRUPTED
        except Terminated:
            raise
        except SystemExit as end:
            return end.code
        return result if isinstance(result, int) else 0

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the group's own options."""
        with _in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Parse and run the command."""
        with _in_one_line():
            try:
                return super().invoke(ctx)
            except ModuleNotFoundError as error:
                package = missing_package(error)
                if package is None:
                    raise
                command = ctx.invoked_subcommand
                extras = dict[str, str]()
                for section in self._sections:
                    extras |= section.extras
                how = install_command(extras.get(str(command), ""))
                raise GradsheetError(f"{command} needs {package}: {how}") from error


def _show_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Show an error of a destructor, unless it is a signal's or the full disk's.

    That of a full disk was told before: XlsxWriter leaves it to zipfile's destructor to end a file
    that could not be written.
    """
    error = unraisable.exc_value
    is_full_disk = isinstance(error, OSError) and error.errno in _NO_SPACE
    if not (signal_again(error) or is_full_disk):
        sys.__unraisablehook__(unraisable)


@contextlib.contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code, error)
    except GradsheetError as error:
        _fail(message_of(error), error.exit_code, error)
    except MemoryError as error:
        _fail("there is not enough memory", 1, error)
    except KeyboardInterrupt:
        raise click.Abort from None


def message_of(error: GradsheetError) -> str:
    """Return an error's message, with the option that helps."""
    hint = ", or use --force to replace it" if isinstance(error, WouldOverwriteError) else ""
    return f"{error}{hint}"


def _fail(message: str, exit_code: int, cause: Exception) -> NoReturn:
    failure = click.ClickException(printable(message))
    failure.exit_code = exit_code  # type: ignore[misc]
    raise failure from cause


def missing_package(error: ModuleNotFoundError) -> str | None:
    """Return the name of the package that is not installed, or None if its absence is a bug.

    It is a bug if the module is one of ours, Python's own, or within a package that is installed.
    """
    root = (error.name or "").partition(".")[0]
    if not root or root in _OWN_PACKAGES or root in sys.stdlib_module_names:
        return None
    if importlib.util.find_spec(root) is not None:
        return None
    return _WRITTEN.get(root, root)
