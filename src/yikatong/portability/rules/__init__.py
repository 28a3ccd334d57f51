"""The decision: pure, without I/O, clock or chance."""

from yikatong.portability.rules.decide import decide

__all__ = ["decide"]
