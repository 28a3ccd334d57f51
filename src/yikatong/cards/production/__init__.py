"""Production (制卡): batches at a maker, what became of each card, blanks and finished cards in stock."""
