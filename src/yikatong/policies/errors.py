"""Errors of the room."""

from yikatong.core.errors import InvalidInput, Text, YikatongError


class NoPolicyOnFile(InvalidInput):
    """No policy file for this region, insurance, day or kind of care; nothing is guessed."""

    code = "no_policy_on_file"


class PolicyFileError(YikatongError):
    """A policy file is wrong; names file, line and field."""

    code = "policy_file_error"
    status = 500

    def __init__(self, file: str, line: int, field: str, zh: str, en: str) -> None:
        super().__init__(f"{file} 第 {line} 行 {field}：{zh}", f"{file}:{line} {field}: {en}")
        self.file = file
        self.reason = Text(zh, en)
        self.line = line
        self.wrong_field = field
