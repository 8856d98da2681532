"""The two conversions that scripts use."""


def exception_to_unicode(error: BaseException) -> str:
    return str(error)


def to_utf8(text: "str | bytes") -> bytes:
    return text.encode() if isinstance(text, str) else text
