"""What films and sounds have in common: opening, facts, decoding, muxing. No operation lives here."""
