"""A text parsed as one Python expression, and errors that point to places in it."""

import ast
import itertools

MAX_LENGTH = 100_000
MAX_TERMS = 2000  # numbers and names; more would take too long to compile
MAX_DEPTH = 200  # well below Python's recursion limit, part of which the caller has used


class PointedError(ValueError):
    """A ValueError that shows the line of text with carets below the wrong part.

    Args:
      reason: what is wrong.
      text: the whole text.
      start: the index of the first character that is wrong.
      end: the index after the last one.
    """

    def __init__(self, reason: str, text: str, start: int, end: int):
        super().__init__(reason, text, start, end)  # all arguments, so that it can be pickled
        self.reason, self.text, self.start, self.end = reason, text, start, end

    def __str__(self) -> str:
        begin = self.text.rfind("\n", 0, self.start) + 1
        line = self.text[begin:].split("\n")[0]
        first = self.start - begin
        last = max(first + 1, min(self.end - begin, len(line)))
        line, first, last = _window(line, first, last)
        shown = "".join(c if c.isprintable() else "?" for c in line.replace("\t", " "))
        return f"{self.reason}\n    {shown}\n    {' ' * first}{'^' * (last - first)}"


def _window(line: str, first: int, last: int, width: int = 88) -> tuple[str, int, int]:
    """The part of a long line around its carets, and their new positions."""
    if len(line) <= width:
        return line, first, last
    cut = max(0, min(first - width // 3, len(line) - width))
    before, after = "..." * (cut > 0), "..." * (cut + width < len(line))
    shift = len(before) - cut
    return before + line[cut : cut + width] + after, first + shift, min(last, cut + width) + shift


class Source:
    """The text, its syntax tree, and the errors that point into it.

    Raises:
      PointedError: if the text is not a Python expression, too long or nested too deeply.
    """

    def __init__(self, text: str):
        self.text = text.strip().replace("\r\n", "\n").replace("\r", "\n")
        if len(self.text) > MAX_LENGTH:
            raise self.error(
                f"the text has {len(self.text)} characters: at most {MAX_LENGTH} are allowed"
            )
        if not self.text:
            raise self.error("the text is empty")
        self._lines = self.text.split("\n")
        lengths = [len(line) + 1 for line in self._lines]
        self._starts = list(itertools.accumulate(lengths, initial=0))
        self.tree = self._parse()

    def _parse(self) -> ast.expr:
        for index, character in enumerate(self.text):
            if character in "\0\\" or "\ud800" <= character <= "\udfff":  # Python warns of a "\d".
                raise self.error("the text contains an invalid character", index, index + 1)
        try:
            tree = ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            raise self._syntax_error(error) from None
        except (RecursionError, MemoryError):
            raise self.error("nested too deeply") from None
        self._check_depth(tree)
        self._check_terms(tree)
        return tree

    def _syntax_error(self, error: SyntaxError) -> PointedError:
        line = min(error.lineno or 1, len(self._lines))
        column = max(1, error.offset or 1)
        start = self._index(line, 0) + min(column - 1, len(self._lines[line - 1]))
        end = start + 1
        if error.end_lineno == error.lineno and error.end_offset:
            end = max(end, start + error.end_offset - column)
        return self.error(f"not a Python expression: {error.msg}, column {column}", start, end)

    def _check_depth(self, tree: ast.expr) -> None:
        level: list[ast.AST] = [tree]
        for _ in range(MAX_DEPTH):
            level = [child for node in level for child in ast.iter_child_nodes(node)]
            if not level:
                return
        raise self.error("nested too deeply", *self.span(tree))

    def _check_terms(self, tree: ast.expr) -> None:
        terms = [node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.Name)]
        if len(terms) > MAX_TERMS:
            reason = f"the text has {len(terms)} numbers and names: at most {MAX_TERMS} are allowed"
            raise self.error_at(terms[MAX_TERMS], reason)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """The indices of a node's first character and of the one after its last."""
        if not isinstance(node, ast.expr | ast.keyword):
            return 0, len(self.text)
        end = self._index(node.end_lineno or 1, node.end_col_offset or 0)
        return self._index(node.lineno, node.col_offset), end

    def cut(self, node: ast.AST) -> str:
        """The original text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def quote(self, node: ast.AST) -> str:
        """The text of a node on one line, shortened, for a message."""
        return brief(self.cut(node))

    def error_at(self, node: ast.AST, reason: str) -> PointedError:
        return self.error(reason, *self.span(node))

    def error(self, reason: str, start: int = 0, end: int | None = None) -> PointedError:
        return PointedError(reason, self.text, start, len(self.text) if end is None else end)

    def _index(self, line: int, column: int) -> int:
        """The index of a line (from 1) and a column (in bytes), as `ast` reports places."""
        text = self._lines[line - 1]
        if not text.isascii():
            column = len(text.encode()[:column].decode(errors="ignore"))
        return self._starts[line - 1] + min(column, len(text))


def printable(text: str) -> str:
    """A text in which what a terminal would obey, and what it cannot show, is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def brief(text: str, width: int = 60) -> str:
    """A text on one line, shortened and printable, for a message."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= width else f"{line[: width - 3]}..."
