"""Data loss prevention: packs of rules, the engine that finds them, policies that say what is done, and the stream guard."""
