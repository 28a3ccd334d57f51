"""Counters: where cards are applied for, made and collected (社保卡服务网点)."""
