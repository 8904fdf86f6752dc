"""HTTP in and out; no rule of governance lives here."""
