"""What a script logs goes to standard output: it must not get into the worker's protocol."""


def msg(*parts: object) -> None:
    print(*parts)
