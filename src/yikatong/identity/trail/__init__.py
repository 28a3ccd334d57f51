"""The audit trail, searched by auditors (操作记录查询)."""
