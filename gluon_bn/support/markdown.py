"""Tables in Markdown."""


def markdown_table(columns, rows):
    """A table with these heads and these rows, whose cells become text; without a line break at the end.

    >>> print(markdown_table(['net', 'loss'], [['plain', 0.5], ['batch norm', '']]))
    | net | loss |
    |---|---|
    | plain | 0.5 |
    | batch norm |  |
    """
    return '\n'.join([_line(columns), '|' + '---|' * len(columns), *map(_line, rows)])


def _line(cells):
    return f"| {' | '.join(map(str, cells))} |"
