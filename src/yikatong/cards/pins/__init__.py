"""The card's PIN (卡密码): six digits the holder chose; rules, verifiers, lock and unlock."""
