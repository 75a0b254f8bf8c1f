"""How is it said? Sentences and the derivation, step by step."""
