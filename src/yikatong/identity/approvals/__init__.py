"""Four eyes (双人复核): what one person asks for, another approves; carried out once."""
