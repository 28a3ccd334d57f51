"""The card office (卡务): applications and the life of cards, by one table of states."""
